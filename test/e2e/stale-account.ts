/**
 * POSTs that come about when their target closes the connection that the one before went over. Each client has a target of its own as the
 * proxy sees it, and so a connection of its own: otherwise they would keep each other's young.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createDataPlane } from '../../proxy/engine.ts';
import type { Model, Service, SocketAddress } from '../../src/core/model.ts';
import { bareSurroundings, compileSnapshot } from '../../src/core/snapshot.ts';
import { aListener, anything, aPool, aService, aTarget } from '../support/model.ts';
import type { Ask, Closing, Seen } from './stale-targets.ts';

/** Clients that pause for as long as their target keeps connections, more or less. */
export interface Crowd {
  readonly closing: Closing;
  readonly idleMs: number;
  readonly clients: number;
  /** POSTs of each client. */
  readonly posts: number;
}

export interface Account extends Seen {
  readonly posts: number;
  /** How the clients were answered: how many times which status, or that the connection broke. */
  readonly answers: Readonly<Record<string, number>>;
}

/** How far a pause is from the target's time-out, at most. */
const spreadMs = 300;

/** @param busyMs this process does nothing for so long after each POST, and finds what has come meanwhile all at once */
export async function accountOfStale(crowds: readonly Crowd[], busyMs = 0): Promise<Account> {
  const targets = new Worker(new URL('./stale-targets.ts', import.meta.url));
  const ports: number[] = [];
  for (const { closing, idleMs } of crowds) ports.push(await ask<number>(targets, { listen: { closing, idleMs } }));
  const plane = createDataPlane({ workers: { count: 1, index: 0 }, warn: (fields) => console.error(fields), access: undefined });
  plane.apply(compileSnapshot(modelOf(crowds, ports), 1, bareSurroundings));
  const [proxy] = await plane.listen();
  const answers: Record<string, number> = {};
  const clients = crowds.flatMap((crowd, index) =>
    Array.from({ length: crowd.clients }, (_, number) => runClient(proxy!, { ...crowd, busyMs }, `/c${index}-${number}`, answers)),
  );
  await Promise.all(clients);
  await plane.drain(1000);
  const seen = await ask<Seen>(targets, 'account');
  await targets.terminate();
  return { ...seen, posts: crowds.reduce((sum, { clients: count, posts }) => sum + count * posts, 0), answers };
}

async function ask<T>(targets: Worker, question: Ask): Promise<T> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
  targets.postMessage(question);
  const [answer] = (await once(targets, 'message')) as [T];
  return answer;
}

/** One service for each client, by the beginning of its paths. */
function modelOf(crowds: readonly Crowd[], ports: readonly number[]): Model {
  const services: Service[] = crowds.flatMap(({ clients }, index) =>
    Array.from({ length: clients }, (_, number) => {
      const address = { host: '127.0.0.1', port: ports[index]! };
      const ejection = { failures: 0, baseMs: 1000, maxMs: 1000, maxShare: 0 };
      return aService(`c${index}-${number}`, { pools: [aPool('blue', { targets: [aTarget('t1', { address })], ejection })] });
    }),
  );
  const routes = services.map(({ id }) => ({
    match: { ...anything, path: { kind: 'prefix' as const, value: `/${id}` } },
    serviceId: id,
  }));
  return { listeners: [aListener('web')], services, routes };
}

interface Client extends Crowd {
  readonly busyMs: number;
}

async function runClient({ port }: SocketAddress, crowd: Client, path: string, answers: Record<string, number>): Promise<void> {
  const { idleMs, posts, busyMs } = crowd;
  // Not all at once.
  if (busyMs === 0) await pause(Math.random() * idleMs);
  let socket: Socket | undefined;
  for (let count = 0; count < posts; count++) {
    if (count > 0) await pause(busyMs > 0 ? idleMs - busyMs / 2 : idleMs + (Math.random() * 2 - 1) * spreadMs);
    if (socket === undefined || socket.destroyed) socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {});
    socket.write(`POST ${path}/${count} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`);
    if (busyMs > 0 && count > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs);
    const status = await answerOn(socket);
    answers[status] = (answers[status] ?? 0) + 1;
  }
  socket?.destroy();
}

/** The status of the next answer, which comes in one piece. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => settle(chunk.toString('latin1').slice(9, 12));
    const onClose = (): void => settle('broken');
    const settle = (status: string): void => {
      socket.off('data', onData).off('close', onClose);
      resolve(status);
    };
    socket.on('data', onData).on('close', onClose);
  });
}
