import type { IncomingMessage, ServerResponse } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test, type TestContext } from 'vitest';
import { BodyMemory, KeptBody } from '../../proxy/kept-body.ts';
import type { Upstream } from '../../proxy/sides.ts';
import { startProxy } from '../support/data-plane.ts';
import { aRetryPolicy } from '../support/model.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const echo = (incoming: IncomingMessage, outgoing: ServerResponse) => void incoming.pipe(outgoing);
const withBody = (method: string, body: string) => `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const inChunks = (method: string, body: string) =>
  `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${Array.from(body, (byte) => `1\r\n${byte}\r\n`).join('')}0\r\nX-Sum: 1\r\n\r\n`;

/** Reads this much of a request, and is gone. */
const deadly = (t: TestContext, until: string) =>
  startRawTarget(t, (peer) =>
    peer.socket.on('data', () => {
      if (peer.text.includes(until)) peer.end();
    }),
  );

describe('a target that dies after it has read a request with a body', () => {
  test.for([
    ['GET, by length', withBody('GET', 'hello'), 'hello'],
    ['GET, in chunks', inChunks('GET', 'hello'), 'hello'],
    ['OPTIONS', withBody('OPTIONS', 'hello'), 'hello'],
    ['GET, as long as is kept', withBody('GET', 'x'.repeat(1000)), 'x'.repeat(1000)],
  ] as const)('is replaced by another: %s', async ([, request, body], t) => {
    const dying = await deadly(t, body.at(-1)!);
    const target = await startTarget(t, echo);
    const proxy = await startProxy(t, { pools: { blue: [dying, target] }, service: { retry: aRetryPolicy({ bodyBufferBytes: 1000 }) } });
    const client = await proxy.connect();
    for (let count = 0; count < 4; count++) {
      const answer = await client.ask(request);
      expect([answer.status, answer.body]).toEqual([200, body]);
    }
    expect(dying.accepted).toBe(2);
  });

  test.for([
    ['a POST', withBody('POST', 'hello'), false],
    ['a PATCH', withBody('PATCH', 'hello'), true],
    ['a PUT that is not opted in', withBody('PUT', 'hello'), false],
    ['a GET that is longer than what is kept', withBody('GET', 'x'.repeat(1001)), true],
    ['one in chunks that becomes longer', inChunks('PUT', 'x'.repeat(1001)), true],
  ] as const)('is not for %s', async ([, request, putDelete], t) => {
    const dying = await deadly(t, request.slice(-1));
    const proxy = await startProxy(t, {
      pools: { blue: [dying, dying] },
      service: { retry: aRetryPolicy({ bodyBufferBytes: 1000, putDelete }) },
    });
    const client = await proxy.connect();
    expect((await client.ask(request)).status).toBe(502);
    expect(dying.accepted).toBe(1);
  });

  test.for(['PUT', 'DELETE'])('is replaced for a %s where that is opted in, with its body, and without one', async (method, t) => {
    const dying = await deadly(t, '\r\n\r\n');
    const target = await startTarget(t, echo);
    const proxy = await startProxy(t, { pools: { blue: [dying, target] }, service: { retry: aRetryPolicy({ putDelete: true }) } });
    const client = await proxy.connect();
    for (let count = 0; count < 2; count++) expect((await client.ask(withBody(method, 'hello'))).body).toBe('hello');
    for (let count = 0; count < 2; count++) expect((await client.ask(`${method} / HTTP/1.1`)).status).toBe(200);
    expect(dying.accepted).toBe(2);
  });

  test('is replaced in the middle of the body, and the rest goes to the other', async (t) => {
    const target = await startRawTarget(t, (peer, index) =>
      peer.socket.on('data', () => {
        if (index === 0 && peer.text.endsWith('hel')) peer.end();
        if (peer.text.endsWith('lo')) peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${peer.text.slice(-5)}`);
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [target, target] } });
    const client = await proxy.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
    await (await target.peer(0)).contains('\r\n\r\n');
    client.send('hel');
    await (await target.peer(1)).contains('hel');
    client.send('lo');
    expect((await client.answer()).body).toBe('hello');
  });

  test('is not replaced once it has said anything, be it that it waits for the body', async (t) => {
    const dying = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => {
        if (peer.text.endsWith('\r\n\r\n')) peer.send('HTTP/1.1 100 Continue\r\n\r\n');
        else peer.end();
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [dying, dying] } });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')).status).toBe(100);
    client.send('hello');
    expect((await client.answer()).status).toBe(502);
    expect(dying.accepted).toBe(1);
  });
});

describe('a body that is kept', () => {
  /** Takes down what it is sent. */
  const sink = () => {
    const parts: Buffer[] = [];
    return { parts, upstream: { sendBody: (slice: Buffer) => void parts.push(Buffer.from(slice)) } as unknown as Upstream };
  };

  test('is what came, however it came, as long as it is no longer than it may; and its memory is given back', () => {
    const slice = fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 6000 }), isHeld: fc.boolean() });
    fc.assert(
      fc.property(fc.array(slice, { maxLength: 12 }), fc.integer({ min: 0, max: 20_000 }), (slices, bytesMax) => {
        const memory = new BodyMemory(1e9);
        const body = new KeptBody(memory);
        let all = Buffer.alloc(0);
        let isWhole = true;
        let held = 0;
        for (const { bytes, isHeld } of slices) {
          all = Buffer.concat([all, bytes]);
          const borrowed = Buffer.from(bytes);
          const room = memory.bytes + body.heldBytes;
          if (isHeld && isWhole) {
            body.hold(borrowed);
            held += memory.bytes + body.heldBytes - room;
          } else if (isWhole) {
            body.keep(borrowed, bytesMax);
            isWhole = all.length <= bytesMax;
            held = 0;
          }
          borrowed.fill(0);
          // What is only held is not taken from those that are kept.
          expect(body.heldBytes).toBe(held);
        }
        expect(body.isWhole).toBe(isWhole);
        const { parts, upstream } = sink();
        body.sendTo(upstream, bytesMax);
        expect(Buffer.concat(parts)).toEqual(isWhole ? all : Buffer.alloc(0));
        expect(body.heldBytes).toBe(0);
        // Once sent, it stays only if it is not too long.
        expect(body.isWhole).toBe(isWhole && all.length <= bytesMax);
        if (!body.isWhole) expect(memory.bytes).toBe(0);
        body.clear();
        expect([body.isWhole, memory.bytes]).toEqual([true, 0]);
      }),
    );
  });

  test('that comes byte by byte takes no more than a part beyond its length', () => {
    const memory = new BodyMemory(1e9);
    const body = new KeptBody(memory);
    for (let count = 0; count < 10_000; count++) body.keep(Buffer.from('x'), 1e6);
    expect(memory.bytes).toBe(3 * 4096);
  });

  test('finds the memory of a worker full: it is sent, and not kept', () => {
    const memory = new BodyMemory(10_000);
    const [first, second, third] = [new KeptBody(memory), new KeptBody(memory), new KeptBody(memory)];
    first.keep(Buffer.alloc(9000), 64_000);
    second.keep(Buffer.alloc(2000), 64_000);
    expect([first.isWhole, second.isWhole]).toEqual([true, false]);
    // What waits for a connection must be held.
    third.hold(Buffer.alloc(2000));
    expect([third.heldBytes, memory.bytes]).toEqual([4096, 9000]);
    const { parts, upstream } = sink();
    third.sendTo(upstream, 64_000);
    expect([Buffer.concat(parts).length, third.isWhole, memory.bytes]).toEqual([2000, false, 9000]);
    first.clear();
    second.clear();
    second.keep(Buffer.alloc(2000), 64_000);
    expect(second.isWhole).toBe(true);
  });
});
