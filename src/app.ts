/**
 * The composition root: what each process is made of. The planes know each other only through the interfaces that meet here.
 *
 * Parts are imported when a process needs them: a worker that replaces a dead one should not load the admin API first, nor the supervisor
 * anything at all.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { LogSettings, Settings } from '../config/settings.ts';
import type { DataPlaneOptions } from '../proxy/data-plane.ts';
import type { JsonObject } from './core/json.ts';
import type { Model, SocketAddress } from './core/model.ts';
import type { Snapshot } from './core/snapshot.ts';
import { openChannel } from './supervisor/channel.ts';
import { liveAsControl } from './supervisor/control-process.ts';
import { createForks } from './supervisor/fork.ts';
import { LocalFleet } from './supervisor/local-fleet.ts';
import type { FromControl, FromWorker, OpenListener, ToControl, ToWorker } from './supervisor/messages.ts';
import { holdSockets } from './supervisor/sockets.ts';
import { explainListenError, formatAddress, StartError } from './supervisor/start-error.ts';
import { leaveSignalsToSupervisor, listenForStop } from './supervisor/stop-signals.ts';
import { type Started, Supervisor } from './supervisor/supervisor.ts';
import { liveAsWorker } from './supervisor/worker-process.ts';
import { roomFor } from './supervisor/limits.ts';
import { createProcessLog, type Logger, type ProcessLog } from './telemetry/log.ts';

/** A configuration that has been checked: by `loadFile`, or by `interpret`. */
export interface Configuration {
  readonly document: JsonObject;
  readonly model: Model;
  readonly settings: Settings;
}

/** Sluice in one process, for tests and for embedding. */
export interface Sluice {
  readonly listeners: readonly OpenListener[];
  readonly admin: SocketAddress;
  /** Stops taking new work, finishes what runs for at most `drainMs` (default 30 s), and resolves when everything is closed. */
  close(drainMs?: number): Promise<void>;
}

export interface StartOptions extends Omit<Configuration, 'model'> {
  /** Where revisions are kept. Default: in memory, gone with the process, whatever the settings say. */
  readonly dataDir?: string;
  /** Default: one that writes JSON lines to standard output, as the settings say. */
  readonly log?: ProcessLog;
}

/** How long running requests get when Sluice stops. Milliseconds. */
const drainMs = 30_000;

/** Runs Sluice as `sluice run` does, until a signal stops it. Resolves with the exit code; rejects with a {@link StartError}. */
export async function runSluice(configuration: Configuration): Promise<number> {
  const { settings } = configuration;
  const workers = settings.workers === 'auto' ? availableParallelism() : settings.workers;
  const output = openProcessLog(workers === 0 ? 'sluice' : 'supervisor', settings.log);
  const { log } = output;
  const stop = listenForStop();
  process.on('SIGHUP', () => log.warn({}, 'reloading is not supported yet; restart Sluice to apply a changed config file'));

  const parts = workers === 0 ? runAlone(configuration, output) : runProcesses(configuration, workers, log);
  const started = parts.started.then((where) => log.info(describeStarted(where, workers), 'ready'));
  const signal = await Promise.race([stop.first, started.then(() => stop.first)]);

  log.info({ signal, drainMs }, 'stopping: running requests are finished');
  let exitCode = 0;
  const cut = stop.second.then(() => {
    log.warn({}, 'a second signal: running requests are cut');
    exitCode = 1;
    return parts.kill();
  });
  await Promise.race([parts.stop(), cut]);
  log.info({}, 'stopped');
  return exitCode;
}

/** Starts control and one data plane in this process, and resolves when both can be reached. Rejects with a {@link StartError}. */
export async function startSluice(options: StartOptions): Promise<Sluice> {
  const { document, settings } = options;
  const output = options.log ?? createProcessLog({ process: 'sluice', level: settings.log.level });
  const { createDataPlane } = await import('../proxy/engine.ts');
  const plane = createDataPlane({ ...planeOptions(settings.log, output), room: roomFor(1) });
  const fleet = new LocalFleet(plane, process.pid);
  let addresses: readonly SocketAddress[] = [];
  const listen = async (snapshot: Snapshot): Promise<void> => {
    await fleet.publish(snapshot);
    addresses = await plane.listen().catch((error: unknown) => {
      throw explainListenError(error, 'proxy');
    });
  };
  const { openControlPlane } = await import('./control-plane.ts');
  const control = await openControlPlane({ file: document, settings, dataDir: options.dataDir, fleet, log: output.log, listen }).catch(
    async (error: unknown) => {
      await plane.drain(0);
      throw explainStart(error, output.log);
    },
  );
  control.serve();
  return {
    listeners: addresses.map(({ host, port }, index) => ({ name: fleet.listenerNames()[index] ?? '', host, port })),
    admin: control.admin,
    async close(deadlineMs = drainMs) {
      control.drain();
      await plane.drain(deadlineMs);
      await control.close();
      output.close();
    },
  };
}

/** The life of a worker process. Resolves with its exit code. */
export async function runWorkerProcess(): Promise<number> {
  leaveSignalsToSupervisor();
  // Before the supervisor is told that we are there, so that the first snapshot finds everything loaded.
  const { createDataPlane } = await import('../proxy/engine.ts');
  return liveAsWorker(openChannel<ToWorker, FromWorker>(), ({ setup, worker, workers, otherWorkers, copySocket }) => {
    const settings = setup as LogSettings;
    const output = openProcessLog(`worker ${worker}`, settings);
    const share = { count: workers, index: worker - 1 };
    return {
      plane: createDataPlane({ ...planeOptions(settings, output), workers: share, otherWorkers, copySocket, room: roomFor(workers) }),
      log: output.log,
    };
  });
}

/** The life of the control process. Resolves with its exit code. */
export function runControlProcess(): Promise<number> {
  leaveSignalsToSupervisor();
  return liveAsControl(openChannel<ToControl, FromControl>(), async ({ setup, fleet, adminBefore }) => {
    const { document, settings } = setup as ControlSetup;
    const { log } = openProcessLog('control', settings.log);
    fleet.logTo(log);
    try {
      const { openControlPlane } = await import('./control-plane.ts');
      // The file is merged once, at the start: what was applied since must not be taken back when control dies and comes back.
      const file = adminBefore === undefined ? document : undefined;
      return await openControlPlane({ file, settings, dataDir: settings.dataDir, fleet, log, adminBefore });
    } catch (error) {
      throw explainStart(error, log);
    }
  });
}

interface ControlSetup {
  readonly document: JsonObject;
  readonly settings: Settings;
}

function planeOptions(settings: LogSettings, { access, log }: ProcessLog): DataPlaneOptions {
  return {
    access: settings.access ? access : undefined,
    warn: (fields, message) => log.warn(fields, message),
    info: (fields, message) => log.info(fields, message),
  };
}

/** What `runSluice` steers: one process or several. */
interface Running {
  readonly started: Promise<Started>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Throws a {@link StartError} where a socket cannot be opened: before any process is started. */
function runProcesses({ document, model, settings }: Configuration, workers: number, log: Logger): Running {
  const control: ControlSetup = { document, settings };
  const script = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url));
  const sockets = holdSockets(model.listeners);
  const supervisor = new Supervisor({
    forks: createForks(script, sockets.descriptors),
    sockets,
    workers,
    setup: { worker: settings.log, control },
    log,
    pid: process.pid,
  });
  return { started: supervisor.start(), stop: () => supervisor.stop(drainMs), kill: () => supervisor.kill() };
}

function runAlone(configuration: Configuration, output: ProcessLog): Running {
  const started = startSluice({ ...configuration, dataDir: configuration.settings.dataDir, log: output });
  return { started, stop: () => started.then((sluice) => sluice.close(drainMs)), kill: () => Promise.resolve() };
}

/** A log that is complete when the process ends, and that has the last word where a bug ends it. */
function openProcessLog(name: string, { level }: LogSettings): ProcessLog {
  const output = createProcessLog({ process: name, level });
  process.once('exit', output.close);
  process.on('uncaughtException', (error) => {
    output.log.error({ err: error }, 'a bug ends this process');
    process.exit(1);
  });
  return output;
}

/** The error as an operator should read it. What was not written for operators is a bug, which the log should show with its origin. */
function explainStart(error: unknown, log: Logger): StartError {
  const message = error instanceof Error ? error.message : String(error);
  const expected = error instanceof Error && ['StartError', 'StoreError'].includes(error.name);
  if (!expected) log.error({ err: error }, 'the start failed');
  return new StartError(message.charAt(0).toUpperCase() + message.slice(1), { cause: error });
}

function describeStarted({ listeners, admin }: Started, workers: number): Record<string, unknown> {
  return {
    listeners: listeners.map(({ name, host, port }) => ({ name, address: formatAddress(host, port) })),
    admin: formatAddress(admin.host, admin.port),
    workers,
  };
}
