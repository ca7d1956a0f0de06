import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { TestContext } from 'vitest';

/** What is said of a name: its addresses, that it is not known, that we have failed, or nothing at all. */
export interface Zone {
  readonly addresses: readonly string[];
  /** Of A and AAAA records alike, in seconds. */
  readonly ttl: number;
  readonly says?: 'unknown' | 'failed' | 'failed-6' | 'nothing';
}

const codes = { unknown: 3, failed: 2 } as const;

/** A name server (RFC 1035, as much of it as A and AAAA need) on a free UDP port of 127.0.0.1. Names may change at any time. */
export class DnsServer {
  /** By name, in lower case. What is missing is not known. */
  readonly zones = new Map<string, Zone>();
  /** How often each name was asked for, both kinds together. */
  readonly asked = new Map<string, number>();
  readonly address: string;
  readonly #watchers = new Set<() => void>();

  constructor(port: number) {
    this.address = `127.0.0.1:${port}`;
  }

  /** Resolves when the name has been asked for so often. */
  askedFor(name: string, times: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if ((this.asked.get(name) ?? 0) < times) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  answer(query: Buffer): Buffer | undefined {
    const { name, end } = readName(query);
    const type = query.readUInt16BE(end);
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    for (const look of this.#watchers) look();
    const zone = this.zones.get(name) ?? { addresses: [], ttl: 0, says: 'unknown' };
    if (zone.says === 'nothing') return undefined;
    const isV6 = type === 28;
    const records = zone.addresses.filter((address) => isIPv6(address) === isV6).map((address) => record(type, zone.ttl, address));
    const says = zone.says === 'failed-6' ? (isV6 ? 'failed' : undefined) : zone.says;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    // An answer, by one who may say so, to one who wanted recursion.
    head.writeUInt16BE(0x8580 | (says === undefined ? 0 : codes[says]), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(says === undefined ? records.length : 0, 6);
    return Buffer.concat([head, query.subarray(12, end + 4), ...(says === undefined ? records : [])]);
  }
}

export async function startDns(t: TestContext): Promise<DnsServer> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const server = new DnsServer(socket.address().port);
  socket.on('message', (query, { port, address }) => {
    const answer = server.answer(query);
    if (answer !== undefined) socket.send(answer, port, address);
  });
  t.onTestFinished(() => {
    socket.close();
  });
  return server;
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** The name of a record is that of the question: a pointer to it. */
function record(type: number, ttl: number, address: string): Buffer {
  const data = type === 28 ? bytes6(address) : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function bytes6(address: string): Buffer {
  const [left, right] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const groups = right === undefined ? left! : [...left!, ...Array.from({ length: 8 - left!.length - right.length }, () => '0'), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
