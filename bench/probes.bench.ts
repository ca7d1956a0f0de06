// Question: what does it cost control to probe 2,000 targets every 2 s? Wanted: less than 15% of a core.
// Method:   the targets are as many addresses of 127.0.0.0/8, answered by one other process; after two intervals to make the
//           connections, the CPU time of this process over 10 s. Linux only: elsewhere 127.0.0.1 is the only address of its kind.
import { fork } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { interpret } from '../config/interpret.ts';
import { Probes } from '../src/control/probes.ts';
import { noConditions } from '../src/core/conditions.ts';
import type { Model, Pool } from '../src/core/model.ts';
import { compileSnapshot } from '../src/core/snapshot.ts';
import { aHealthCheck } from '../test/support/model.ts';

const count = Number(process.argv[2] ?? 2000);
const intervalMs = 2000;
const measuredMs = 10_000;

const check = aHealthCheck({ intervalMs });

if (process.send === undefined) await measure();
else serve((message) => process.send!(message));

/** Answers each read with the same bytes: what the other side costs is not the question. */
function serve(tell: (port: number) => void): void {
  const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nok\n');
  process.once('disconnect', () => process.exit());
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', () => socket.write(answer));
    socket.on('error', () => {});
  });
  server.listen({ host: '0.0.0.0', port: 0, backlog: 4096 }, () => tell((server.address() as AddressInfo).port));
}

async function measure(): Promise<void> {
  const server = fork(import.meta.filename);
  const port = await new Promise<number>((resolve) => server.once('message', (message) => resolve(message as number)));
  let changes = 0;
  const probes = new Probes({
    fleet: { inform: () => changes++, conditions: () => noConditions },
    events: { note: ({ cause }) => console.log(cause) },
    log: { info: () => {}, warn: () => {}, error: (fields) => console.log(fields) },
    clock: { nowMs: () => Date.now() },
    elapsedMs: () => performance.now(),
    random: Math.random,
  });
  const model = modelOf(port);
  probes.follow(model, compileSnapshot(model, 1));
  await pause(2 * intervalMs);

  const [cpu, startedMs] = [process.cpuUsage(), performance.now()];
  await pause(measuredMs);
  const { user, system } = process.cpuUsage(cpu);
  const share = (user + system) / 1000 / (performance.now() - startedMs);
  // Whoever is behind would look cheap.
  const isRecent = (index: number): boolean => {
    const last = probes.conditionOf('shop', 'blue', `t${index}`)?.last;
    return last?.kind === 'pass' && Date.now() - last.atMs < 1.2 * intervalMs;
  };
  const recent = Array.from({ length: count }, (_, index) => index).filter(isRecent).length;
  if (recent < count) console.log(`only ${recent} of them have been probed within the last interval`);
  const probesPerSecond = count / (intervalMs / 1000);
  const each = (share * 1e6) / probesPerSecond;
  console.log(
    `${count} targets every ${intervalMs} ms: ${(share * 100).toFixed(1)}% of a core, ${each.toFixed(0)} µs a probe, ${changes} changes`,
  );
  probes.close();
  server.kill();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function modelOf(port: number): Model {
  const interpreted = interpret({
    listeners: [{ name: 'web', address: '127.0.0.1:8080' }],
    services: { shop: { pools: { blue: { targets: ['http://127.0.0.1:3000'] } }, weights: { blue: 1 } } },
    routes: [{ service: 'shop' }],
  });
  if (interpreted.kind === 'invalid') throw new Error(JSON.stringify(interpreted.problems));
  const service = interpreted.model.services[0]!;
  const [template] = service.pools[0]!.targets;
  const targets = Array.from({ length: count }, (_, index) => {
    const host = `127.0.${(index >> 8) + 1}.${index & 255}`;
    return { ...template!, id: `t${index}`, address: { host, port } };
  });
  const pool: Pool = { ...service.pools[0]!, targets, health: check };
  return { ...interpreted.model, services: [{ ...service, pools: [pool] }] };
}
