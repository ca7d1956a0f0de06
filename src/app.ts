/**
 * The composition root: what each process is made of. The planes know each other only through the interfaces that meet here.
 *
 * Parts are imported when a process needs them: a worker that replaces a dead one should not load the admin API first, nor the supervisor
 * anything at all.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import type { AccessToken, ProcessState } from '../admin-api/options.ts';
import type { LogSettings, Settings, TokenSettings } from '../config/settings.ts';
import type { DataPlaneOptions } from '../proxy/data-plane.ts';
import type { Fleet, Store } from './control/ports.ts';
import type { Rejection } from './core/change.ts';
import type { JsonObject } from './core/json.ts';
import type { Model, SocketAddress } from './core/model.ts';
import type { Snapshot } from './core/snapshot.ts';
import { openChannel } from './supervisor/channel.ts';
import { type ControlPlane, liveAsControl } from './supervisor/control-process.ts';
import { createForks } from './supervisor/fork.ts';
import { LocalFleet } from './supervisor/local-fleet.ts';
import type { FromControl, FromWorker, OpenListener, ToControl, ToWorker } from './supervisor/messages.ts';
import { holdSockets } from './supervisor/sockets.ts';
import { explainListenError, formatAddress, StartError } from './supervisor/start-error.ts';
import { leaveSignalsToSupervisor, listenForStop } from './supervisor/stop-signals.ts';
import { type Started, Supervisor } from './supervisor/supervisor.ts';
import { liveAsWorker } from './supervisor/worker-process.ts';
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
/** How often workers are asked for their totals, so that little is lost with one that dies. Milliseconds. */
const collectEveryMs = 1000;
/** How long the first publish of a control process is watched; nobody waits for it. Milliseconds. */
const firstPublishMs = 5000;

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
  const plane = createDataPlane(planeOptions(settings.log, output));
  const fleet = new LocalFleet(plane, process.pid);
  let addresses: readonly SocketAddress[] = [];
  const listen = async (snapshot: Snapshot): Promise<void> => {
    await fleet.publish(snapshot);
    addresses = await plane.listen().catch((error: unknown) => {
      throw explainListenError(error, 'proxy');
    });
  };
  const control = await openStore(options.dataDir)
    .then((store) => openControlPlane({ file: document, settings, fleet, store, log: output.log, listen }))
    .catch(async (error: unknown) => {
      await plane.drain(0);
      throw explainStart(error, output.log);
    });
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
  return liveAsWorker(openChannel<ToWorker, FromWorker>(), ({ setup, worker, handOver }) => {
    const settings = setup as LogSettings;
    const output = openProcessLog(`worker ${worker}`, settings);
    return { plane: createDataPlane({ ...planeOptions(settings, output), handOver }), log: output.log };
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
      const store = await openStore(settings.dataDir);
      // The file is merged once, at the start: what was applied since must not be taken back when control dies and comes back.
      const file = adminBefore === undefined ? document : undefined;
      return await openControlPlane({ file, settings, fleet, store, log, adminBefore });
    } catch (error) {
      throw explainStart(error, log);
    }
  });
}

interface ControlSetup {
  readonly document: JsonObject;
  readonly settings: Settings;
}

interface ControlParts {
  /** The config file's document; undefined where it has been merged already. */
  readonly file: JsonObject | undefined;
  readonly settings: Settings;
  readonly fleet: Fleet;
  readonly store: Store;
  readonly log: Logger;
  readonly adminBefore?: SocketAddress | undefined;
  /** Opens the listeners, where that is not the supervisor's: one more thing that may fail. */
  readonly listen?: (snapshot: Snapshot) => Promise<void>;
}

/**
 * Opens the control plane on a store, sends the data plane what is in force, and answers the admin API. What the config file changes is
 * saved last: a start that fails changes nothing. Closes the store if it fails.
 */
async function openControlPlane(parts: ControlParts): Promise<ControlPlane> {
  const { settings, fleet, store, log } = parts;
  const [{ buildAdminApi }, { interpret }, { openController }, { Census }, { Metrics }] = await Promise.all([
    import('../admin-api/app.ts'),
    import('../config/interpret.ts'),
    import('./control/controller.ts'),
    import('./control/census.ts'),
    import('./telemetry/metrics.ts'),
  ]);
  try {
    refuseToGoBack((await store.latest())?.number ?? 0, fleet);
    const controller = await openController({ store, fleet, interpret, clock: { nowMs: () => Date.now() }, log }, parts.file);
    if (controller.kind === 'rejected') throw new StartError(describeRejection(controller));
    const census = new Census(fleet);
    const read = (timeoutMs: number) => census.read(timeoutMs);
    let state: ProcessState = 'starting';
    const api = buildAdminApi({
      controller,
      fleet: { supervisorPid: fleet.supervisorPid, controlPid: process.pid, workers: () => fleet.workers(), read },
      metrics: new Metrics(async () => ({ reading: await read(collectEveryMs), model: controller.model() })),
      tokens: await readTokens(settings.admin.tokens),
      address: settings.admin.address,
      state: () => state,
      log,
    });
    const admin = await openAdmin(api, parts.adminBefore ?? settings.admin.address, async () => {
      await parts.listen?.(controller.snapshot());
      await controller.begin();
    });
    // Not waited for: a worker that is stuck must not keep the admin API from coming back, which may be needed to deal with it.
    void controller.republish(firstPublishMs);
    const ticking = setInterval(() => void read(collectEveryMs), collectEveryMs).unref();
    return {
      admin,
      serve: () => {
        if (state === 'starting') state = 'ready';
      },
      drain: () => {
        state = 'draining';
      },
      close: async () => {
        state = 'draining';
        clearInterval(ticking);
        await controller.close();
        await api.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A control process that comes back must not move traffic because somebody replaced the data directory under it. */
function refuseToGoBack(saved: number, fleet: Fleet): void {
  const serving = Math.max(0, ...fleet.workers().map(({ revision }) => revision));
  if (serving <= saved) return;
  throw new StartError(
    `The data directory holds ${saved === 0 ? 'nothing' : `revision ${saved}`}, but workers serve revision ${serving}: it was replaced while Sluice runs. ` +
      `Traffic stays where it is. Put the directory back, or restart Sluice to begin with what is there.`,
  );
}

/** Listens, then begins. A call that comes in between waits: it must not be told what has not been saved. */
async function openAdmin(api: FastifyInstance, address: SocketAddress, begin: () => Promise<void>): Promise<SocketAddress> {
  const begun = Promise.withResolvers<void>();
  begun.promise.catch(() => {});
  api.addHook('onRequest', () => begun.promise);
  try {
    const admin = await listenForAdmin(api, address);
    await begin();
    begun.resolve();
    return admin;
  } catch (error) {
    begun.reject(error);
    await api.close();
    throw error;
  }
}

async function listenForAdmin(api: FastifyInstance, { host, port }: SocketAddress): Promise<SocketAddress> {
  try {
    await api.listen({ host, port });
  } catch (error) {
    throw explainListenError(error, 'admin');
  }
  const address = api.server.address();
  return typeof address === 'object' && address !== null ? { host, port: address.port } : { host, port };
}

async function openStore(dataDir: string | undefined): Promise<Store> {
  if (dataDir === undefined) return new (await import('./store/memory.ts')).MemoryStore();
  const { openSqliteStore } = await import('./store/sqlite.ts');
  return openSqliteStore(dataDir);
}

async function readTokens(settings: readonly TokenSettings[]): Promise<readonly AccessToken[]> {
  const reading = await (await import('../admin-api/tokens.ts')).readTokens(settings);
  if (reading.kind === 'unusable') throw new StartError(reading.message);
  return reading.tokens;
}

function planeOptions(settings: LogSettings, { access, log }: ProcessLog): DataPlaneOptions {
  return { access: settings.access ? access : undefined, warn: (fields, message) => log.warn(fields, message) };
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

function describeRejection({ message, problems = [] }: Rejection): string {
  return [message, ...problems.map((problem) => `  ${problem.pointer || '/'}: ${problem.message}`)].join('\n');
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
