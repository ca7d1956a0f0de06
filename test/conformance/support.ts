/**
 * The words in which the conformance suite speaks: what a client sends → what the target must get → what the target says → what the client
 * must get, and what becomes of the connection. Everything is compared byte for byte, but for the lines that Sluice adds to every message.
 */
import { expect, type TestContext, vi } from 'vitest';
import type { Cause } from '../../src/core/terminations.ts';
import { terminations } from '../../src/core/terminations.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { type RawTarget, startRawTarget } from '../support/target.ts';

/** The lines of a head, and the empty one that ends it. */
export const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

/** A request for `/` with these field lines behind Host. */
export const get = (...fields: readonly string[]): string => head('GET / HTTP/1.1', 'Host: a', ...fields);
export const post = (...fields: readonly string[]): string => head('POST / HTTP/1.1', 'Host: a', ...fields);

/** What {@link get} and {@link post} are when they reach the target. */
export const got = (...fields: readonly string[]): string => head('GET / HTTP/1.1', 'host: a', ...fields);
export const posted = (...fields: readonly string[]): string => head('POST / HTTP/1.1', 'host: a', ...fields);

/** The head of a 200 with these field lines. */
export const answer = (...fields: readonly string[]): string => head('HTTP/1.1 200 OK', ...fields);
/** The plainest answer. */
export const ok = `${answer('Content-Length: 2')}ok`;

/** What an attacker would like to reach a target, hidden in or behind another request. */
export const smuggled = head('GET /smuggled HTTP/1.1', 'Host: evil');

/** Asked at the end, to see whether the connection still serves. */
const after = head('GET /after HTTP/1.1', 'Host: a');
const afterAnswer = `${head('HTTP/1.1 200 OK', 'Content-Length: 5', 'X-After: 1')}after`;

export interface Pair {
  readonly proxy: TestProxy;
  readonly target: RawTarget;
  readonly client: Peer;
}

/** A client, the proxy and a target that says nothing by itself, except to the request for `/after`. */
export async function startPair(t: TestContext, options: ProxyOptions = {}): Promise<Pair> {
  const target = await startRawTarget(t, (peer) => {
    peer.socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('GET /after ')) peer.send(afterAnswer);
    });
  });
  const proxy = await startProxy(t, { pools: { blue: [target] }, ...options });
  return { proxy, target, client: await proxy.connect() };
}

/** What a target has got, without the lines that say who asked. */
export function seenByTarget({ text }: Peer): string {
  return text.replaceAll(/^(?:x-forwarded-(?:for|host|proto|port): [^\r]*|x-request-id: [^\r]*|via: 1\.[01] sluice)\r\n/gm, '');
}

/** What a client has got, without the lines that every answer has. */
export function seenByClient({ text }: Peer): string {
  return text.replaceAll(/^(?:date: [^\r]*|x-request-id: [^\r]*|via: 1\.[01] sluice)\r\n/gm, '');
}

/** Resolves when exactly this has arrived; says what has arrived instead where it does not. */
export async function sees(look: (peer: Peer) => string, peer: Peer, expected: string): Promise<void> {
  await vi.waitFor(() => expect(look(peer)).toBe(expected), { timeout: 3000, interval: 1 });
}

export interface Dialogue {
  readonly sends: string;
  readonly gets: string;
  /** Default {@link ok}. Parts come one by one; `FIN` and `RST` end the connection. */
  readonly says?: string | readonly string[];
  /** Default: what the target said. */
  readonly hears?: string;
  /** What becomes of the client's connection. Default `stays`: it serves the next request. */
  readonly connection?: 'stays' | 'closes' | 'is reset';
}

/** Plays a request and its answer, and compares what arrives on either side. */
export async function play(t: TestContext, dialogue: Dialogue, options: ProxyOptions = {}): Promise<void> {
  await converse(t, dialogue, options);
}

/** The same, where something is to be asked of the two afterwards. */
export async function converse(t: TestContext, dialogue: Dialogue, options: ProxyOptions = {}): Promise<Pair> {
  const pair = await startPair(t, options);
  const { client, target, proxy } = pair;
  const says = dialogue.says ?? ok;
  const hears = dialogue.hears ?? [says].flat().join('');
  client.send(dialogue.sends);
  // Where nothing is ever passed on, the answer tells why.
  const peer = await Promise.race([target.peer(0), proxy.logged(({ cause }) => cause !== '').then(() => undefined)]);
  if (peer === undefined) throw new Error(`nothing was passed on: ${client.text}`);
  await sees(seenByTarget, peer, dialogue.gets);
  await say(peer, says);
  await sees(seenByClient, client, hears);
  await ends(pair, dialogue.connection ?? 'stays', hears);
  expect(seenByTarget(peer).replace(head('GET /after HTTP/1.1', 'host: a'), '')).toBe(dialogue.gets);
  return pair;
}

export async function say(peer: Peer, says: string | readonly string[]): Promise<void> {
  for (const part of [says].flat()) {
    if (part === 'FIN') peer.end();
    else if (part === 'RST') peer.reset();
    else peer.send(part);
    await settle();
  }
}

/** Whether the client's connection ends as it should, with nothing behind what the client has heard. */
export async function ends({ client }: Pair, how: 'stays' | 'closes' | 'is reset', heard: string): Promise<void> {
  if (how === 'stays') {
    client.send(after);
    await sees(seenByClient, client, heard + afterAnswer);
    return;
  }
  expect(await client.ended).toBe(how === 'closes' ? 'fin' : 'reset');
  expect(seenByClient(client)).toBe(heard);
}

/** A request that is refused: one answer with its cause, the connection closed, and not a byte for the target, nor of what came behind. */
export async function isRefused(t: TestContext, sends: string, cause: Cause, options: ProxyOptions = {}): Promise<void> {
  const { client, proxy, target } = await startPair(t, options);
  client.send(sends + smuggled);
  expect(await client.ended).toBe('fin');
  expectOwnAnswer(await client.answer('GET'), cause);
  expect(client.text.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  expect(proxy.lines.map((line) => [line.status, line.cause, line.target])).toEqual([[terminations[cause].status, cause, '']]);
  expect(target.accepted).toBe(0);
}

/** A body that turns out to be malformed: the target never sees an end of it, nor what came behind. */
export async function isBrokenOff(t: TestContext, sends: string, cause: Cause = 'malformed_request'): Promise<void> {
  const { client, target } = await startPair(t);
  client.send(sends + smuggled);
  expect(await client.ended).toBe('fin');
  expectOwnAnswer(await client.answer(), cause);
  expect(client.text.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  await settle();
  if (target.accepted === 0) return;
  const peer = await target.peer(0);
  await peer.ended;
  expect(peer.text).not.toContain('\r\n0\r\n');
  expect(peer.text).not.toContain('smuggled');
}

/** An answer that is not passed on: 502 with its cause, not a byte of the target's, whose connection is given up; the client's serves on. */
export async function isNotPassedOn(t: TestContext, says: string | readonly string[], cause: Cause, sends = get()): Promise<void> {
  const pair = await startPair(t);
  const { client, target } = pair;
  client.send(sends);
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  await say(peer, says);
  expectOwnAnswer(await client.answer(), cause);
  expect(client.text).not.toMatch(/secret/i);
  await peer.ended;
  await ends(pair, 'stays', seenByClient(client));
  expect(target.accepted).toBe(2);
}

function expectOwnAnswer(given: { status: number; field(name: string): string | undefined }, cause: Cause): void {
  const { status, proxyStatus } = terminations[cause];
  expect([given.status, given.field('proxy-status')]).toEqual([status, `sluice; error=${proxyStatus}; details="${cause}"`]);
}
