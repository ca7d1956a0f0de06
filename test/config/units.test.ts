import { BlockList } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/core/json.ts';
import { canonicalIp, formatAddress, readListenAddress, readServerName, readTargetUrl } from '../../config/addresses.ts';
import {
  durationMsMax,
  formatDuration,
  formatSize,
  readDuration,
  readPercent,
  readPercentOrNumber,
  readSize,
  readSizeLimit,
  sizeBytesMax,
} from '../../config/units.ts';
import { readInstant } from '../../config/instants.ts';
import { readCookiePath, readHostPattern, readPathPattern, readTargetId } from '../../config/names.ts';
import { readNetwork } from '../../config/networks.ts';
import { readHostField, readProbePath, readStatusRanges } from '../../config/probe-values.ts';
import type { Reading } from '../../config/reading.ts';

const valueOf = <T>(reading: Reading<T>): T | string => (reading.ok ? reading.value : reading.message);

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['365d', durationMsMax],
  ])('%s is %d ms', (text, ms) => {
    expect(valueOf(readDuration(text))).toBe(ms);
  });

  test.each([
    ['30', 'write 30s for seconds or 30ms for milliseconds'],
    ['30 s', 'write 30s'],
    ['30S', 'write 30s'],
    ['5min', 'write 5m'],
    ['90 minutes', 'write 90m'],
    ['1h30m', 'write 90m'],
    ['0.5s', 'write 500ms'],
    ['1 day', 'write 1d'],
    ['0.3ms', 'a whole number followed by ms, s, m, h or d'],
    ['-5s', 'a whole number followed by ms, s, m, h or d'],
    ['soon', 'a whole number followed by ms, s, m, h or d'],
    ['', 'a whole number followed by ms, s, m, h or d'],
    ['1w', 'a whole number followed by ms, s, m, h or d'],
  ])('for %j the operator reads: %s', (text, hint) => {
    expect(valueOf(readDuration(text))).toBe(`expected a duration such as 30s, found ${JSON.stringify(text)}; ${hint}`);
  });

  test.each([[366], [99_999_999_999]])('%d days are too long', (days) => {
    expect(valueOf(readDuration(`${days}d`))).toContain('at most 365d');
  });

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: durationMsMax }), (ms) => {
        expect(valueOf(readDuration(formatDuration(ms)))).toBe(ms);
      }),
    );
  });

  test('the hint can be typed', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,4}(\.[05])? ?(ms|sec|s|min|m|hours|h|d)$/), (text) => {
        const write = / write ([0-9a-z]+)/.exec(String(valueOf(readDuration(text))))?.[1] ?? '1s';
        expect({ write, ok: readDuration(write).ok }).toEqual({ write, ok: true });
      }),
    );
  });
});

describe('sizes', () => {
  test.each([
    ['0B', 0],
    ['512B', 512],
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['1GiB', 1_073_741_824],
    ['1024GiB', sizeBytesMax],
  ])('%s is %d bytes', (text, bytes) => {
    expect(valueOf(readSize(text))).toBe(bytes);
  });

  test.each([
    ['64k', 'write 64KiB for 65536 bytes or 64000B for 64000 bytes'],
    ['64KB', 'write 64KiB for 65536 bytes or 64000B for 64000 bytes'],
    ['1 M', 'write 1MiB for 1048576 bytes or 1000000B for 1000000 bytes'],
    ['2g', 'write 2GiB for 2147483648 bytes or 2000000000B for 2000000000 bytes'],
    ['64kib', 'write 64KiB'],
    ['100', 'write 100B for 100 bytes'],
    ['65536b', 'write 64KiB for 65536 bytes'],
    ['1.5MiB', 'a whole number followed by B, KiB, MiB or GiB'],
    ['much', 'a whole number followed by B, KiB, MiB or GiB'],
  ])('for %j the operator reads: %s', (text, hint) => {
    expect(valueOf(readSize(text))).toBe(`expected a size such as 64KiB, found ${JSON.stringify(text)}; ${hint}`);
  });

  test('a bare 0 is no limit, where there may be none', () => {
    expect(valueOf(readSizeLimit(0))).toBe(0);
    expect(readSize(0).ok).toBe(false);
  });

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sizeBytesMax }), (bytes) => {
        expect(valueOf(readSize(formatSize(bytes)))).toBe(bytes);
      }),
    );
  });
});

describe('percentages', () => {
  test.each([
    ['0%', 0],
    ['10%', 0.1],
    ['0.5%', 0.005],
    ['0.7%', 0.007],
    ['33.333333%', 0.33333333],
    ['100%', 1],
    ['100.000%', 1],
  ])('%s is a share of %d', (text, share) => {
    expect(valueOf(readPercent(text))).toBe(share);
    expect(valueOf(readPercentOrNumber(text))).toBe(share);
    expect(valueOf(readPercentOrNumber(Number(text.slice(0, -1))))).toBe(share);
  });

  test.each<[Json, string]>([
    ['10', 'expected a percentage such as 10% or 0.5%, found "10"; write 10%'],
    ['10 %', 'expected a percentage such as 10% or 0.5%, found "10 %"; write 10%'],
    ['0,5%', 'expected a percentage such as 10% or 0.5%, found "0,5%"; write 0.5%'],
    [0.25, 'expected a percentage such as 10% or 0.5%, found the number 0.25; write 25%, or 0.25% if so little is meant'],
    ['0.12345678%', 'expected a percentage such as 10% or 0.5%, found "0.12345678%"; write 0.123457%'],
    ['101%', 'expected a percentage from 0% to 100%, found "101%"'],
    ['100.1%', 'expected a percentage from 0% to 100%, found "100.1%"'],
    ['-1%', 'expected a percentage such as 10% or 0.5%, found "-1%"'],
    ['half', 'expected a percentage such as 10% or 0.5%, found "half"'],
    ['1e1%', 'expected a percentage such as 10% or 0.5%, found "1e1%"'],
    [true, 'expected a percentage such as 10% or 0.5%, found true'],
  ])('for %j the operator reads: %s', (value, message) => {
    expect(valueOf(readPercent(value))).toBe(message);
  });

  test.each([-1, 100.1, Number.NaN, Infinity])('%d is no bare number of percent', (value) => {
    expect(valueOf(readPercentOrNumber(value))).toMatch(/^expected a percentage from 0 to 100, found/);
  });

  test('what is typed in steps of a millionth is what is meant', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000_000 }), (millionths) => {
        const text = `${Math.floor(millionths / 1e6)}.${String(millionths % 1e6).padStart(6, '0')}%`;
        expect(valueOf(readPercent(text))).toBe(millionths / 1e8);
      }),
    );
  });
});

describe('instants', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-05-01T12:00:00Z', Date.UTC(2026, 4, 1, 12)],
    ['2026-05-01T12:00Z', Date.UTC(2026, 4, 1, 12)],
    ['2026-05-01T12:00:00.057Z', Date.UTC(2026, 4, 1, 12, 0, 0, 57)],
    ['2026-05-01T12:00:00.9999Z', Date.UTC(2026, 4, 1, 12, 0, 0, 999)],
    ['2026-05-01T12:00:00.5Z', Date.UTC(2026, 4, 1, 12, 0, 0, 500)],
    ['2026-05-01T14:00:00+02:00', Date.UTC(2026, 4, 1, 12)],
    ['2026-04-30T20:30:00-15:30', Date.UTC(2026, 4, 1, 12)],
    ['2024-02-29T23:59:59Z', Date.UTC(2024, 1, 29, 23, 59, 59)],
  ])('%s is %d ms after the beginning of 1970', (text, ms) => {
    expect(valueOf(readInstant(text))).toBe(ms);
  });

  test.each([
    '2026-02-29T00:00Z',
    '2026-04-31T00:00Z',
    '2026-13-01T00:00Z',
    '2026-00-01T00:00Z',
    '2026-01-00T00:00Z',
    '2026-01-01T24:00Z',
    '2026-01-01T00:60Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00+24:00',
    '2026-01-01T00:00+00:60',
    '+002026-01-01T00:00Z',
    'tomorrow',
    '',
  ])('%j is no instant', (text) => {
    expect(valueOf(readInstant(text))).toBe(`expected an instant such as "2026-05-01T12:00:00Z", found ${JSON.stringify(text)}`);
  });

  test.each<[Json, string]>([
    ['2026-05-01 12:00:00', 'the time zone is missing; write "2026-05-01T12:00:00Z" for UTC'],
    ['2026-05-01', 'the time zone is missing; write "2026-05-01T00:00:00Z" for UTC'],
    ['2026-05-01 12:00:00 +02:00', 'write "2026-05-01T12:00:00+02:00"'],
    ['2026-05-01t12:00:00z', 'write "2026-05-01T12:00:00Z"'],
    ['10m', 'a length of time goes under timeouts.drain'],
    [1_777_636_800, 'write "2026-05-01T12:00:00.000Z"'],
    [1_777_636_800_000, 'write "2026-05-01T12:00:00.000Z"'],
  ])('for %j the operator reads: %s', (value, hint) => {
    expect(valueOf(readInstant(value))).toMatch(new RegExp(`; ${hint.replace(/[.+]/g, '\\$&')}$`));
  });

  test('what the clock of a program writes is what is read', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
        (date) => {
          expect(valueOf(readInstant(date.toISOString()))).toBe(date.getTime());
        },
      ),
    );
  });
});

describe('networks', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.7', '10.0.0.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.168.128.0/17', '192.168.128.0/17'],
    ['::1', '::1/128'],
    ['::/0', '::/0'],
    ['FD00:0:0::/8', 'fd00::/8'],
    ['2001:db8:0:0:8000::/65', '2001:db8:0:0:8000::/65'],
    ['64:ff9b::10.0.0.0/120', '64:ff9b::a00:0/120'],
  ])('%s is the network %s', (text, network) => {
    expect(valueOf(readNetwork(text))).toBe(network);
  });

  test.each<[Json, string]>([
    [
      '10.0.0.7/8',
      'expected a network such as "10.0.0.0/8" or an address, found "10.0.0.7/8"; bits behind the first 8 are set; write "10.0.0.0/8", or "10.0.0.7" for the one address',
    ],
    [
      'fd00::1/64',
      'expected a network such as "10.0.0.0/8" or an address, found "fd00::1/64"; bits behind the first 64 are set; write "fd00::/64", or "fd00::1" for the one address',
    ],
    ['10.0.0.0/33', 'expected a network with a length from 0 to 32, found "10.0.0.0/33"'],
    ['10.0.0.0/', 'expected a network with a length from 0 to 32, found "10.0.0.0/"'],
    ['::/129', 'expected a network with a length from 0 to 128, found "::/129"'],
    [
      '10.0.0.0/255.0.0.0',
      'expected a network with a length from 0 to 32, found "10.0.0.0/255.0.0.0"; a mask is written as the number of its bits, such as /24',
    ],
    ['10.1.*', 'expected a network such as "10.0.0.0/8" or an address, found "10.1.*"; write "10.1.0.0/16"'],
    ['10.1.2', 'expected a network such as "10.0.0.0/8" or an address, found "10.1.2"; write "10.1.2.0/24"'],
    [
      '::ffff:10.0.0.0/104',
      'expected a network such as "10.0.0.0/8" or an address, found "::ffff:10.0.0.0/104"; clients with IPv4 are seen as such; write "10.0.0.0/8"',
    ],
    ['fe80::1%eth0', 'expected a network such as "10.0.0.0/8" or an address, found "fe80::1%eth0"; write the address without its zone'],
    ['10.0.0.0/8/8', 'expected a network such as "10.0.0.0/8" or an address, found "10.0.0.0/8/8"'],
    ['office', 'expected a network such as "10.0.0.0/8" or an address, found "office"'],
    ['', 'expected a network such as "10.0.0.0/8" or an address, found ""'],
    [10, 'expected a network such as "10.0.0.0/8" or an address, found the number 10'],
  ])('for %j the operator reads: %s', (value, message) => {
    expect(valueOf(readNetwork(value))).toBe(message);
  });

  test('a network holds the address that it was made of, and what is suggested is a network', () => {
    const family = fc.constantFrom('ipv4' as const, 'ipv6' as const);
    const address = family.chain((kind) => fc.record({ kind: fc.constant(kind), host: kind === 'ipv4' ? fc.ipV4() : fc.ipV6() }));
    fc.assert(
      fc.property(address, fc.nat({ max: 128 }), ({ kind, host }, length) => {
        const text = `${host}/${Math.min(length, kind === 'ipv4' ? 32 : 128)}`;
        const reading = readNetwork(text);
        const network = reading.ok ? reading.value : (/write "([^"]+)"/.exec(reading.message)?.[1] ?? '');
        expect(valueOf(readNetwork(network))).toBe(network);
        if (kind === 'ipv6' && isMapped(host)) return;
        const [base, bits] = network.split('/') as [string, string];
        const list = new BlockList();
        list.addSubnet(base, Number(bits), kind);
        expect(list.check(host, kind)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what probes are made of', () => {
  test.each([
    ['200', [{ from: 200, to: 200 }]],
    ['200-299', [{ from: 200, to: 299 }]],
    ['200,204', [{ from: 200, to: 200 }, { from: 204, to: 204 }]], // prettier-ignore
    ['200-299, 304', [{ from: 200, to: 299 }, { from: 304, to: 304 }]], // prettier-ignore
  ])('%s are the codes %j', (text, ranges) => {
    expect(valueOf(readStatusRanges(text))).toEqual(ranges);
  });

  test.each<[Json, string]>([
    ['2xx', 'write "200-299"'],
    ['200 - 299 ,304', 'write "200-299,304"'],
    ['299-200', 'write 200-299'],
    ['600', 'codes are from 100 to 599'],
    ['', 'codes are from 100 to 599'],
    [204, 'put it in quotes: "204"'],
  ])('for the codes %j the operator reads: %s', (value, hint) => {
    expect(valueOf(readStatusRanges(value))).toMatch(new RegExp(`; ${hint}$`));
  });

  test.each(['/', '/healthz', '/healthz?deep=1&x="', '/a%20b'])('%s can be asked for', (text) => {
    expect(valueOf(readProbePath(text))).toBe(text);
  });

  test.each([
    ['healthz', 'it begins with a slash; write "/healthz"'],
    ['http://a/healthz', 'write the path alone'],
    ['/a#b', 'the part after # never reaches a server'],
    ['/a b', 'write it percent-encoded: "/a%20b"'],
    ['/ü%20', 'write it percent-encoded: "/%C3%BC%20"'],
  ])('for the path %j the operator reads: %s', (text, hint) => {
    expect(valueOf(readProbePath(text))).toContain(`; ${hint}`);
  });

  test.each(['shop.example', 'shop.example:8080', '10.0.0.1', '[::1]', '[::1]:80', 'localhost'])('%s is a Host', (text) => {
    expect(valueOf(readHostField(text))).toBe(text);
  });

  test.each(['', 'a b', 'http://a', 'a/b', '::1', '[a]', 'a:0', 'a:65536', 'a:', 'u@a', '10.0.0.256', 'a\r\nx: y'])(
    '%j is no Host',
    (text) => {
      expect(readHostField(text).ok).toBe(false);
    },
  );
});

describe('cookies', () => {
  test.each(['/', '/shop', '/a/b/'])('%s is a path for cookies', (text) => {
    expect(valueOf(readCookiePath(text))).toBe(text);
  });

  test.each(['', 'shop', '/a;b', '/a b', '/ü', '/\n'])('%j is no path for cookies', (text) => {
    expect(readCookiePath(text).ok).toBe(false);
  });
});

test.each(['b1@10.0.0.7', '@', 'b1@'])('%j is no id of a target, because resolved names get such ids', (id) => {
  expect(readTargetId(id).ok).toBe(false);
});

describe('addresses', () => {
  test.each([
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
    ['[::]:80', { host: '::', port: 80 }],
    ['[::1]:8081', { host: '::1', port: 8081 }],
    ['[FE80::1]:1', { host: 'fe80::1', port: 1 }],
    ['localhost:8080', { host: '127.0.0.1', port: 8080 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ])('listening on %s is %j', (text, address) => {
    expect(valueOf(readListenAddress(text))).toEqual(address);
  });

  test.each([
    '',
    ':',
    '8080',
    'localhost',
    '::1',
    '[::1]',
    '[nope]:80',
    ':99999',
    'a b:80',
    '127.0.0.1:80:90',
    '256.0.0.1:80',
    ':8080/',
    ':-1',
    ':8e1',
  ])('nobody can listen on %j', (text) => {
    expect(readListenAddress(text).ok).toBe(false);
  });

  test.each([
    ['http://10.0.0.7:3000', { host: '10.0.0.7', port: 3000 }],
    ['http://app', { host: 'app', port: 80 }],
    ['HTTP://App.Internal:81', { host: 'app.internal', port: 81 }],
    ['http://[fd00::7]:3000', { host: 'fd00::7', port: 3000 }],
    ['http://[::1]', { host: '::1', port: 80 }],
    ['http://my_app_1:3000', { host: 'my_app_1', port: 3000 }],
    ['https://app.internal', { host: 'app.internal', port: 443 }, true],
    ['HTTPS://10.0.0.7:80', { host: '10.0.0.7', port: 80 }, true],
    ['https://[::1]', { host: '::1', port: 443 }, true],
  ])('%s is the target %j', (text, address, encrypted = false) => {
    expect(valueOf(readTargetUrl(text))).toEqual({ address, encrypted });
  });

  test.each([
    '',
    'http://',
    'http://:80',
    'http://a:b',
    'http://a:',
    'http://a b',
    'http://-a',
    'http://a..b',
    'http://10.0.0',
    'http://[::1',
    'http://a:65536',
    'http://a\n:80',
    'http://a\\b',
    'http://a%41',
    'http://[fe80::1%25eth0]:80',
  ])('%j is no target', (text) => {
    expect(readTargetUrl(text).ok).toBe(false);
  });

  test.each(['http://bob:hunter2@a', 'ftp://bob:hunter2@a', 'bob:hunter2@a:80', 'https://bob:hunter2@a'])(
    'a password in %s is not repeated',
    (text) => {
      expect(valueOf(readTargetUrl(text))).toMatch(/without user name and password/);
      expect(valueOf(readTargetUrl(text))).not.toContain('hunter2');
    },
  );

  test('the default id of a target can be typed again as its address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const address = { host: canonicalIp(host.toLowerCase()), port };
        expect(valueOf(readTargetUrl(`http://${formatAddress({ host, port })}`))).toEqual({ address, encrypted: false });
        expect(valueOf(readTargetUrl(`https://${formatAddress(address)}`))).toEqual({ address, encrypted: true });
      }),
    );
  });
});

describe('names that certificates are made out to', () => {
  test.each([
    ['app.internal', 'app.internal'],
    ['App.Internal', 'app.internal'],
    ['10.0.0.7', '10.0.0.7'],
    ['FD00:0::7', 'fd00::7'],
  ])('%s is %s', (text, name) => {
    expect(valueOf(readServerName(text))).toBe(name);
  });

  test.each([
    ['https://App.internal', 'write the name alone: "app.internal"'],
    ['app.internal:443', 'write the name alone: "app.internal"'],
    ['[fd00::7]', 'write the name alone: "fd00::7"'],
    ['*.internal', ''],
    ['', ''],
    ['a b', ''],
  ])('%j is none', (text, hint) => {
    expect(readServerName(text).ok).toBe(false);
    expect(valueOf(readServerName(text))).toContain(hint);
  });
});

describe('patterns of routes', () => {
  test.each(['', '*', '*.', '*.*.a', 'a*', '.a', 'a.', 'a:80', '[::1]:80', '::1', 'http://a', 'a/b', '10.0.0.256', 'a b', '*.[::1]'])(
    '%j is no host',
    (text) => {
      expect(readHostPattern(text).ok).toBe(false);
    },
  );

  test.each(['', '*', 'a', '/a*', '/a/*/b', '/*/', '/a?b', '/a#b', '/ü', '/a b', '//*', '/a\n', '/a/**'])('%j is no path', (text) => {
    expect(readPathPattern(text).ok).toBe(false);
  });

  test.each(['/', '/*', '/a', '/a/', '/a/*', '/a//b', '/%C3%BC/*', "/a!$&'()+,;=:@-._~b"])('%j is a path', (text) => {
    expect(readPathPattern(text).ok).toBe(true);
  });
});

/** Whether an address of IPv6 stands for one of IPv4 (RFC 4291 section 2.5.5.2). */
function isMapped(host: string): boolean {
  return /^::ffff:/i.test(canonicalIp(host.toLowerCase()));
}
