import { fork, type SendHandle } from 'node:child_process';
import { once } from 'node:events';
import { Server } from 'node:net';
import { expect, test, type TestContext, vi } from 'vitest';
import type { CopySocket, SocketCopy } from '../../proxy/entrance/admission.ts';
import { startProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startTarget } from '../support/target.ts';

/** Copies sockets as it is done between real processes, but for the times (from 1) at which the copy is lost on its way. */
function copying(t: TestContext, lost: readonly number[]) {
  const echo = fork(new URL('../support/handle-echo.ts', import.meta.url));
  t.onTestFinished(() => void echo.kill());
  const came: boolean[] = [];
  let asked = 0;
  const copySocket: CopySocket = async (socket) => {
    const time = ++asked;
    const handle =
      socket instanceof Server ? (socket as unknown as { readonly _handle: SendHandle })._handle : (socket as unknown as SendHandle);
    echo.send(time, handle);
    const [, copy] = (await once(echo, 'message')) as [number, SocketCopy];
    const isLost = lost.includes(time);
    if (isLost) copy.close();
    came.push(!isLost);
    return isLost ? undefined : copy;
  };
  return { copySocket, came };
}

test.for([[[]], [[2]], [[2, 4]]])(
  'whoever comes while accepting is paused is served later, also where copies of the socket are lost on their way: %s',
  async ([lost], t) => {
    const held: (() => void)[] = [];
    const target = await startTarget(t, (incoming, outgoing) => {
      if (incoming.url === '/hold') held.push(() => outgoing.end('held'));
      else outgoing.end('ok');
    });
    const { copySocket, came } = copying(t, lost!);
    // Room for two clients.
    const proxy = await startProxy(t, { pools: { blue: [target] }, descriptors: 64 + 2 * 2, copySocket });
    proxy.warnings.length = 0;
    await vi.waitFor(() => expect(came).toEqual([true]), { interval: 5 });
    const ask = async (path: string): Promise<Peer> => {
      const client = await proxy.connect();
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      return client;
    };
    for (let pause = 1; pause <= 3; pause++) {
      const busy = [await ask('/hold'), await ask('/hold')];
      await vi.waitFor(() => expect(held).toHaveLength(2), { interval: 5 });
      expect(proxy.report().acceptPauses).toBe(pause);
      const late = await ask('/late');
      for (const answer of held.splice(0)) answer();
      for (const client of busy) {
        expect((await client.answer()).body).toBe('held');
        client.end();
      }
      expect((await late.answer()).body).toBe('ok');
      late.end();
      await vi.waitFor(() => expect([proxy.report().connections, came.at(-1)]).toEqual([0, true]), { interval: 5 });
    }
    expect(proxy.report().terminations).toEqual({});
    proxy.warnings.length = 0;
  },
);
