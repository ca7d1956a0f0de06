import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const ejection = { failures: 2, baseMs: 600_000, maxMs: 600_000, maxShare: 0.5 };
const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n';

/** How an answer ends: broken by the target in the middle, whole, or left by the client while the target goes on. */
type Ending = 'broken' | 'whole' | 'left';

test.for<{ readonly endings: readonly Ending[]; readonly ejected: boolean }>([
  { endings: ['broken'], ejected: false },
  { endings: ['broken', 'broken'], ejected: true },
  { endings: ['broken', 'whole', 'broken'], ejected: false },
  // What its client has left says nothing of the target.
  { endings: ['broken', 'left', 'broken'], ejected: true },
  { endings: ['broken', 'left', 'whole', 'broken'], ejected: false },
])('two broken answers in a row eject a target, although it has begun each of them: $endings', async ({ endings, ejected }, t) => {
  let turns = 0;
  const target = await startRawTarget(t, (peer) => {
    peer.socket.on('data', () => {
      const ending = endings[turns++];
      peer.send(ending === 'whole' ? `${head}helloworld` : `${head}hello`);
      if (ending === 'broken') peer.end();
    });
  });
  const other = await startTarget(t, (_incoming, outgoing) => outgoing.end('helloworld'));
  const proxy = await startProxy(t, { pools: { blue: [target, other] }, policies: { all: { ejection } } });
  while (turns < endings.length) {
    const before = proxy.lines.length;
    const client = await proxy.connect();
    client.send(get);
    await client.contains('hello');
    if (endings[turns - 1] === 'left') client.reset();
    await proxy.logged(() => proxy.lines.length > before);
  }
  expect(proxy.report().services[0]!.pools[0]!.targets[0]!.ejected).toBe(ejected);
});
