import { describe, expect, test, vi } from 'vitest';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const past = 1;

/** What runs at the first target of the first pool. */
const runningAt = (proxy: TestProxy) => {
  const { inFlight, streaming, upgraded } = proxy.report().services[0]!.pools[0]!.targets[0]!;
  return { inFlight, streaming, upgraded };
};

describe('a target that is taken out', () => {
  test.for(['drain', 'maint'] as const)(
    'by %s gets nobody new, finishes what it has, and is back at once when it is ready',
    async (state, t) => {
      const one = await startRawTarget(t);
      const two = await startTarget(t, (_incoming, outgoing) => outgoing.end('two'));
      const proxy = await startProxy(t, { pools: { blue: [one, two] }, targets: { 'blue/t2': { state: 'maint' } } });
      const [client, other] = [await proxy.connect(), await proxy.connect()];
      client.send(get);
      await (await one.peer(0)).contains('GET');
      proxy.apply({ targets: { 'blue/t1': { state } } });
      for (let count = 0; count < 5; count++) expect((await other.ask(get)).body).toBe('two');
      expect(runningAt(proxy)).toEqual({ inFlight: 1, streaming: 0, upgraded: 0 });
      (await one.peer(0)).send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none');
      expect((await client.answer()).body).toBe('one');

      proxy.apply({ targets: {} });
      client.send(get);
      other.send(get);
      await (await one.peer(0)).contains('GET', 2);
      (await one.peer(0)).send('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none');
      await Promise.all([client.answer(), other.answer()]);
      // The connection had been kept.
      expect(one.accepted).toBe(1);
    },
  );

  test('ends at its deadline: a request without an answer gets one from us, a download is cut, an event stream ends in order', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => {
      if (incoming.url === '/wait') return;
      outgoing.writeHead(200, { 'content-type': incoming.url === '/events' ? 'text/event-stream' : 'application/octet-stream' });
      outgoing.write('data: 1\n\n');
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const [waiting, download, events] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
    waiting.send('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
    download.send('GET /download HTTP/1.1\r\nHost: a\r\n\r\n');
    events.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
    await Promise.all([download.contains('data: 1'), events.contains('data: 1')]);
    await vi.waitFor(() => expect(runningAt(proxy)).toEqual({ inFlight: 3, streaming: 2, upgraded: 0 }));
    proxy.apply({ targets: { 'blue/t1': { state: 'drain', drainUntilMs: past } } });
    const refused = await waiting.answer();
    expect([refused.status, refused.field('proxy-status')]).toEqual([503, 'sluice; error=proxy_internal_response; details="drained"']);
    const ended = await events.answer();
    expect([ended.status, ended.body]).toEqual([200, 'data: 1\n\n']);
    await download.ended;
    expect(download.text).not.toContain('\r\n0\r\n\r\n');
    await proxy.logged(({ path }) => path === '/download');
    expect(proxy.lines.map(({ cause }) => cause)).toEqual(['drained', 'drained', 'drained']);
    // The client whose stream has ended goes on, elsewhere.
    expect((await events.ask(get)).status).toBe(503);
  });

  test('without a deadline goes on for as long as it takes; one that is still to come cuts nothing', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => void outgoing.write('begun'));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await client.contains('begun');
    for (const drainUntilMs of [undefined, Date.now() + 3_600_000]) {
      proxy.apply({ targets: { 'blue/t1': { state: 'drain', drainUntilMs } } });
      // So many ticks pass as a request needs that waits for its time-out.
      const late = await startRawTarget(t);
      const other = await startProxy(t, { pools: { blue: [late] }, timeouts: { responseMs: 300 } });
      expect((await (await other.connect()).ask(get)).status).toBe(504);
      expect(runningAt(proxy)).toEqual({ inFlight: 1, streaming: 1, upgraded: 0 });
    }
    client.end();
  });

  test('because a revision removes it has the time that the service gives; it stays in the report until it is done', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => void outgoing.write('begun'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { drainMs: 300 } });
    const client = await proxy.connect();
    client.send(get);
    await client.contains('begun');
    proxy.apply({ pools: { blue: [] } });
    expect(runningAt(proxy)).toEqual({ inFlight: 1, streaming: 1, upgraded: 0 });
    await client.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ cause: 'drained' });
    expect(runningAt(proxy)).toEqual({ inFlight: 0, streaming: 0, upgraded: 0 });
  });

  test('and comes back before its deadline, keeps what runs', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { drainMs: 300 } });
    const client = await proxy.connect();
    client.send(get);
    const peer = await target.peer(0);
    await peer.contains('GET');
    proxy.apply({ pools: { blue: [] } });
    proxy.apply({ pools: { blue: [target] } });
    const late = await startProxy(t, { pools: { blue: [await startRawTarget(t)] }, timeouts: { responseMs: 500 } });
    expect((await (await late.connect()).ask(get)).status).toBe(504);
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).body).toBe('ok');
  });
});

describe('a pool that is taken out', () => {
  test('counts as of weight 0: its part goes to the others', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const green = await startTarget(t, (_incoming, outgoing) => outgoing.end('green'));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, weights: { blue: 1, green: 1 } });
    const client = await proxy.connect();
    proxy.apply({ policies: { green: { state: 'drain' } } });
    for (let count = 0; count < 6; count++) expect((await client.ask(get)).body).toBe('blue');
    proxy.apply({ policies: {} });
    const bodies = [];
    for (let count = 0; count < 6; count++) bodies.push((await client.ask(get)).body);
    expect(bodies.filter((body) => body === 'green')).toHaveLength(3);
  });
});
