/** What the tests of attacks share: an attacker's connection, a victim's, and a target that keeps an account of what it was asked. */
import type { TestContext } from 'vitest';
import { expect } from 'vitest';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Answer, Peer } from '../support/raw-client.ts';
import { startRawTarget, type TestTarget } from '../support/target.ts';
import { nodeReadsRequests } from '../proxy/http1/node-parser.ts';

/** One request as the target has received it. */
export interface SeenRequest {
  /** Method and request target. */
  readonly line: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** A target that believes every byte, and answers each request with the line that it read. */
export interface AccountingTarget extends TestTarget {
  /** Every request so far, in the order of arrival. */
  readonly seen: SeenRequest[];
  /** Every byte so far, by connection. */
  readonly bytes: string[];
}

export async function startAccountingTarget(t: TestContext): Promise<AccountingTarget> {
  const seen: SeenRequest[] = [];
  const bytes: string[] = [];
  const target = await startRawTarget(t, (peer, connection) => {
    let answered = 0;
    bytes[connection] = '';
    peer.socket.on('data', (chunk: Buffer) => {
      bytes[connection] += chunk.toString('latin1');
      const { messages } = nodeReadsRequests(Buffer.from(bytes[connection]!, 'latin1'));
      for (const message of messages.slice(answered)) {
        if (!message.complete) break;
        answered++;
        seen.push({ line: message.start, fields: message.fields, body: message.body, trailers: message.trailers });
        const body = `you asked ${message.start}`;
        peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${message.start.startsWith('HEAD ') ? '' : body}`);
      }
    });
  });
  return Object.assign(target, { seen, bytes });
}

export interface Site {
  readonly proxy: TestProxy;
  readonly target: AccountingTarget;
}

/** One target behind a proxy, so that attacker and victim share its connections. */
export async function startSite(t: TestContext, options: ProxyOptions = {}): Promise<Site> {
  const target = await startAccountingTarget(t);
  return { target, proxy: await startProxy(t, { pools: { blue: [target] }, ...options }) };
}

/** What one attempt came to. */
export interface Outcome {
  /** The attacker's first answer. */
  readonly attacker: Answer;
  /** What the target has seen of the attacker: the victim's request left out. */
  readonly seen: readonly SeenRequest[];
}

/**
 * Sends the attack, then a victim's request over another connection, and again. Each victim must get the answer to his own request, and
 * the target must have seen his request once, whole, and by itself.
 */
export async function attack({ proxy, target }: Site, bytes: string, send?: (peer: Peer) => void): Promise<Outcome> {
  const before = target.seen.length;
  const attacker = await proxy.connect();
  if (send === undefined) attacker.send(bytes);
  else send(attacker);
  const answer = await attacker.answer(bytes.slice(0, bytes.indexOf(' ')));
  for (const number of [1, 2]) {
    const victim = await proxy.connect();
    const path = `/victim-${before}-${number}`;
    const own = await victim.ask(`GET ${path} HTTP/1.1`);
    expect(own.status).toBe(200);
    expect(own.body).toBe(`you asked GET ${path}`);
    expect(target.seen.filter(({ line }) => line.includes(path)).length).toBe(1);
    victim.end();
  }
  attacker.end();
  await attacker.ended;
  return { attacker: answer, seen: target.seen.slice(before).filter(({ line }) => !line.includes('/victim-')) };
}

/** For attacks that end at the proxy: a status, a closed connection, and not a byte of it at the target. */
export async function expectRefused(site: Site, bytes: string, status = 400): Promise<void> {
  const { attacker, seen } = await attack(site, bytes);
  expect(attacker.status).toBe(status);
  expect(attacker.field('connection')).toBe('close');
  expect(seen).toEqual([]);
}

/** The values of a field in what a target has seen. */
export function valuesOf(request: SeenRequest, name: string): string[] {
  return request.fields.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(name.length + 2));
}
