import { describe, expect, test, type TestContext } from 'vitest';
import { type ProxyOptions, startProxy } from '../support/data-plane.ts';
import { fieldOf } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const named = { requestIds: true, traceContext: 'make' } as const;
const trace = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${trace}-b7ad6b7169203331-01`;

async function startPair(t: TestContext, options: ProxyOptions = {}) {
  const heads: string[] = [];
  const target = await startRawTarget(t, (connection) =>
    connection.socket.on('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'));
      connection.send(answer);
    }),
  );
  const proxy = await startProxy(t, { pools: { blue: [target], shadow: [target] }, listener: named, ...options });
  const client = await proxy.connect();
  const ask = (fields = '') => client.ask(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
  return { proxy, heads, client, ask };
}

const namesOf = (head: string) => ({
  id: fieldOf(head, 'x-request-id'),
  traceParent: fieldOf(head, 'traceparent'),
  traceState: fieldOf(head, 'tracestate'),
});

describe('a request without names', () => {
  test('is given one, for itself and for its trace, that no other has', async (t) => {
    const { heads, ask, proxy } = await startPair(t);
    // More than one pool of random digits has.
    for (let time = 0; time < 250; time++) await ask();
    const names = heads.map(namesOf);
    for (const { id, traceParent, traceState } of names) {
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(traceParent).toMatch(new RegExp(`^00-${id}-[0-9a-f]{16}-01$`));
      expect(traceState).toBeUndefined();
    }
    expect(new Set(names.map(({ id }) => id)).size).toBe(250);
    expect(new Set(names.map(({ traceParent }) => traceParent!.slice(36, 52))).size).toBe(250);
    expect(proxy.lines.map(({ requestId }) => requestId)).toEqual(names.map(({ id }) => id));
    expect(proxy.lines.every(({ traceId }) => traceId === undefined)).toBe(true);
  });

  test('is given none where the listener says so, and what it brings goes through as it is', async (t) => {
    const { heads, ask, proxy } = await startPair(t, { listener: { requestIds: false } });
    await ask();
    await ask('X-Request-Id: a b\r\nTraceparent: x\r\nTracestate: y\r\n');
    expect(heads.map(namesOf)).toEqual([
      { id: undefined, traceParent: undefined, traceState: undefined },
      { id: 'a b', traceParent: 'x', traceState: 'y' },
    ]);
    expect(proxy.lines.map(({ requestId }) => requestId)).toEqual([undefined, undefined]);
  });
});

const punctuation = 'Az09._-+/=:';

describe('an X-Request-Id', () => {
  test.for(['7', punctuation, 'x'.repeat(128)])('is passed on if it is sane: %s', async (id, t) => {
    const { heads, ask, proxy } = await startPair(t);
    await ask(`X-REQUEST-ID:  ${id} \r\n`);
    expect(namesOf(heads[0]!)).toEqual({
      id,
      traceParent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      traceState: undefined,
    });
    expect(heads[0]!.match(/x-request-id/gi)).toHaveLength(1);
    expect(proxy.lines[0]).toMatchObject({ requestId: id, traceId: namesOf(heads[0]!).traceParent!.slice(3, 35) });
  });

  test.for(['', 'a b', 'a"b', '{x}', 'x'.repeat(129), 'a;b', 'a,b', '\u00e4', '7\r\nX-Request-Id: 7'])(
    'is replaced if it is not: %s',
    async (id, t) => {
      const { heads, ask, proxy } = await startPair(t);
      await ask(`Accept: */*\r\nX-Request-Id: ${id}\r\nUser-Agent: x\r\n`);
      expect(namesOf(heads[0]!).id).toMatch(/^[0-9a-f]{32}$/);
      expect(heads[0]).toContain('Accept: */*\r\nUser-Agent: x\r\n');
      expect(proxy.lines[0]!.requestId).toBe(namesOf(heads[0]!).id);
    },
  );

  test('cannot be told from one with an underscore, so that is taken out', async (t) => {
    const { heads, ask } = await startPair(t);
    await ask('X_Request_Id: mine\r\n');
    expect(heads[0]).not.toContain('mine');
  });

  test('is not taken away by what Connection lists', async (t) => {
    const { heads, ask } = await startPair(t);
    await ask(`Connection: x-request-id, traceparent, tracestate\r\nX-Request-Id: 7\r\nTraceparent: ${parent}\r\nTracestate: a=1\r\n`);
    expect(namesOf(heads[0]!)).toEqual({ id: '7', traceParent: parent, traceState: 'a=1' });
  });
});

describe('where traces are only passed on', () => {
  const pass = { listener: { requestIds: true, traceContext: 'pass' } } as const;

  test('none begins here: a request without traceparent stays without, and has its own name all the same', async (t) => {
    const { heads, ask, proxy } = await startPair(t, pass);
    await ask();
    await ask('Tracestate: a=1\r\nX-Request-Id: a b\r\n');
    const names = heads.map(namesOf);
    expect(names).toEqual([
      { id: expect.stringMatching(/^[0-9a-f]{32}$/), traceParent: undefined, traceState: undefined },
      { id: expect.stringMatching(/^[0-9a-f]{32}$/), traceParent: undefined, traceState: 'a=1' },
    ]);
    expect(proxy.lines.map(({ requestId, traceId }) => [requestId, traceId])).toEqual(names.map(({ id }) => [id, undefined]));
  });

  test.for([parent, parent.replace(/01$/, '00')])('one that comes is passed on and logged: %s', async (traceParent, t) => {
    const { heads, ask, proxy } = await startPair(t, pass);
    await ask(`traceparent: ${traceParent}\r\ntracestate: a=1\r\nX-Request-Id: 7\r\n`);
    expect(namesOf(heads[0]!)).toEqual({ id: '7', traceParent, traceState: 'a=1' });
    expect(proxy.lines[0]).toMatchObject({ requestId: '7', traceId: trace });
  });

  test('one that makes no sense is left to the target, and not logged', async (t) => {
    const { heads, ask, proxy } = await startPair(t, pass);
    await ask('traceparent: x\r\ntracestate: a=1\r\nX-Request-Id: 7\r\n');
    expect(namesOf(heads[0]!)).toEqual({ id: '7', traceParent: 'x', traceState: 'a=1' });
    expect(proxy.lines[0]!.traceId).toBeUndefined();
  });
});

describe('a traceparent', () => {
  test.for([parent, parent.replace(/01$/, '00'), parent.replace(/^00/, '01'), `${parent.replace(/^00/, 'cc')}-what-comes-later`])(
    'is passed on with its tracestate if it is valid: %s',
    async (value, t) => {
      const { heads, ask, proxy } = await startPair(t);
      await ask(`traceparent: ${value}\r\ntracestate: a=1\r\nTracestate: b=2\r\n`);
      expect(namesOf(heads[0]!)).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), traceParent: value, traceState: 'a=1, b=2' });
      expect(proxy.lines[0]).toMatchObject({ requestId: namesOf(heads[0]!).id, traceId: trace });
    },
  );

  test.for([
    '',
    'x',
    parent.toUpperCase(),
    parent.replace(/^00/, 'ff'),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace}-b7ad6b7169203331`,
    `${parent}-more`,
    `01${parent.slice(2)}more`,
    `${parent}\r\ntraceparent: ${parent}`,
  ])('is replaced, and its tracestate dropped, if it is not: %s', async (value, t) => {
    const { heads, ask } = await startPair(t);
    await ask(`traceparent: ${value}\r\ntracestate: a=1\r\nX-Request-Id: 7\r\n`);
    expect(namesOf(heads[0]!)).toEqual({
      id: '7',
      traceParent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
      traceState: undefined,
    });
    expect(namesOf(heads[0]!).traceParent).not.toContain(trace);
  });

  test('that is missing makes a tracestate meaningless', async (t) => {
    const { heads, ask } = await startPair(t);
    await ask('tracestate: a=1\r\n');
    expect(namesOf(heads[0]!).traceState).toBeUndefined();
  });
});

describe('the names of a request', () => {
  test('are those of its copies, too', async (t) => {
    const mirrors = [{ poolId: 'shadow', share: 1, unsafe: false }];
    const { heads, ask } = await startPair(t, { service: { mirrors } });
    await ask();
    await expect.poll(() => heads.length).toBe(2);
    expect(namesOf(heads[1]!)).toEqual(namesOf(heads[0]!));
  });

  test('stay when it is sent again, to another target', async (t) => {
    const heads: string[] = [];
    const broken = await startRawTarget(t, (peer) =>
      peer.socket.once('data', (chunk: Buffer) => {
        heads.push(chunk.toString('latin1'));
        if (heads.length === 1) peer.end();
        else peer.send(answer);
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [broken, broken] }, listener: named });
    expect((await (await proxy.connect()).ask('GET / HTTP/1.1')).body).toBe('ok');
    expect(heads).toHaveLength(2);
    expect(namesOf(heads[1]!)).toEqual(namesOf(heads[0]!));
  });

  test('go with an upgrade', async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.once('data', () => peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] }, listener: named });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    const { id } = namesOf((await target.peer(0)).text);
    client.end();
    expect((await proxy.logged(() => true)).requestId).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  test('are in the access line where no target was asked, and not where no request could be read', async (t) => {
    const proxy = await startProxy(t, { matches: [], listener: named });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\n\r\n');
    await client.ask('GET / HTTP/1.1\r\nHost : a\r\nX-Request-Id: 8\r\n\r\n');
    expect(proxy.lines.map(({ cause, requestId }) => [cause, requestId])).toEqual([
      ['no_route', '7'],
      ['malformed_request', undefined],
    ]);
  });

  test('of one request are not those of the next on its connection', async (t) => {
    const { heads, ask } = await startPair(t);
    await ask(`X-Request-Id: 7\r\ntraceparent: ${parent}\r\n`);
    await ask();
    await ask('X-Request-Id: 8\r\n');
    const ids = heads.map((head) => namesOf(head).id);
    expect([ids[0], ids[2]]).toEqual(['7', '8']);
    expect(ids[1]).toMatch(/^[0-9a-f]{32}$/);
    expect(namesOf(heads[1]!).traceParent).toContain(ids[1]);
  });
});
