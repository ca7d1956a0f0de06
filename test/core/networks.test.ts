import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/core/invariant.ts';
import { compileNetworks, containsAddress } from '../../src/core/networks.ts';

const isIn = (networks: readonly string[], address: string): boolean => containsAddress(compileNetworks(networks), address);

describe('an address lies in a network where the first bits agree', () => {
  test.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', '9.255.255.255', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['255.255.255.255/32', '255.255.255.255', true],
    ['255.255.255.255/32', '255.255.255.254', false],
    ['192.168.7.1', '192.168.7.1', true], // an address alone
    ['192.168.7.1', '192.168.7.2', false],
    ['192.168.7.9/24', '192.168.7.1', true], // bits behind the prefix do not count
    ['::1/128', '::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::1/128', '::2', false],
    ['fd00::/8', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['fd00::/8', 'fe00::', false],
    ['fc00::/7', 'FD12::1', true], // the prefix ends inside a digit
    ['fc00::/7', 'fe80::1', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['fe80::/10', 'fe80::1%eth0', true], // the zone says nothing
    ['64:ff9b::/96', '64:ff9b::192.0.2.33', true],
    ['::/0', '2001:db8::1', true],
    ['::/0', '10.0.0.1', false], // families stand apart
    ['0.0.0.0/0', '::1', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true], // IPv4 carried by IPv6 is IPv4
    ['10.0.0.0/8', '::FFFF:0a01:0203', true],
    ['10.0.0.0/8', '::ffff:11.1.2.3', false],
    ['::/0', '::ffff:10.1.2.3', false],
    ['::ffff:10.0.0.0/104', '10.9.9.9', true],
    ['::ffff:10.0.0.0/104', '11.0.0.0', false],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['0.0.0.0/0', '::10.0.0.1', false], // an older form, which is IPv6
  ])('%s and %s: %s', (network, address, expected) => {
    expect(isIn([network], address)).toBe(expected);
  });

  test('no address is in no networks', () => {
    expect(isIn([], '10.0.0.1')).toBe(false);
  });
});

const noAddresses = [
  '', '10', '10.0.0', '10.0.0.0.0', '10.0.0.', '.10.0.0', '10..0.0', '10.0.0.256', '10.0.0.01', '10.0.0.1 ', '0x0a.0.0.1', '10.0.0.-1',
  ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8:9', '1:2:3:4:5:6:7::8', '12345::', 'g::', ':1::', '1::2:', '::10.0.0', '::1.2.3.4:5',
  '1:2:3:4:5:6:7:1.2.3.4', '1.2.3.4::', '[::1]', 'unknown', '10.0.0.1:80',
]; // prettier-ignore

test.each(noAddresses)('%j is no address, so it is nowhere', (text) => {
  expect(isIP(text)).toBe(0);
  expect(isIn(['0.0.0.0/0', '::/0'], text)).toBe(false);
});

test.each(['', 'x/8', '10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/x', '::ffff:10.0.0.0/95'])('%j is no network', (text) => {
  expect(() => compileNetworks([text])).toThrow(InvariantError);
});

const ipv4 = fc.nat(0xffff_ffff).map(BigInt);
const ipv6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).filter((address) => address >> 32n !== 0xffffn);

/** One of the ways to write it. */
function textOf(address: bigint, bits: 32 | 128, isShort: boolean): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return isShort
    ? groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')
    : groups.map((group) => group.padStart(4, '0').toUpperCase()).join(':');
}

interface Network {
  readonly address: bigint;
  readonly bits: 32 | 128;
  readonly prefix: number;
}

const network = fc.oneof(
  fc.record({ address: ipv4, bits: fc.constant(32 as const), prefix: fc.nat(32) }),
  fc.record({ address: ipv6, bits: fc.constant(128 as const), prefix: fc.nat(128) }),
);

/** An address of its own, or one that differs from a network's in a single bit: near its borders. */
const pointNear = (networks: readonly Network[]) =>
  fc.oneof(
    fc.record({ address: ipv4, bits: fc.constant(32 as const) }),
    fc.record({ address: ipv6, bits: fc.constant(128 as const) }),
    ...networks.map(({ address, bits }) => fc.nat(bits - 1).map((bit) => ({ address: address ^ (1n << BigInt(bit)), bits }))),
  );

const scene = fc
  .array(network, { maxLength: 12 })
  .chain((networks) =>
    fc.record({ networks: fc.constant(networks), points: fc.array(pointNear(networks), { minLength: 1, maxLength: 12 }) }),
  );

test('many networks contain what any of them contains, bit by bit and as node:net sees it', () => {
  let inside = 0;
  fc.assert(
    fc.property(scene, fc.boolean(), ({ networks, points }, isShort) => {
      const compiled = compileNetworks(networks.map(({ address, bits, prefix }) => `${textOf(address, bits, isShort)}/${prefix}`));
      const list = new BlockList();
      for (const { address, bits, prefix } of networks) list.addSubnet(textOf(address, bits, true), prefix, bits === 32 ? 'ipv4' : 'ipv6');
      for (const { address, bits } of points) {
        const isInOne = networks.some((candidate) => {
          const free = BigInt(bits - candidate.prefix);
          return candidate.bits === bits && candidate.address >> free === address >> free;
        });
        if (isInOne) inside += 1;
        const text = textOf(address, bits, !isShort);
        expect(containsAddress(compiled, text)).toBe(isInOne);
        if (bits === 32) expect(containsAddress(compiled, `::ffff:${text}`)).toBe(isInOne);
        // node:net finds IPv4 addresses in networks of IPv6, too; only without those does it say the same.
        if (bits === 128 || networks.every((candidate) => candidate.bits === 32)) {
          expect(list.check(text, bits === 32 ? 'ipv4' : 'ipv6')).toBe(isInOne);
        }
      }
    }),
    { numRuns: 500 },
  );
  expect(inside).toBeGreaterThan(100);
});
