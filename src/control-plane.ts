/**
 * What the control plane is made of: the second half of the composition root, in a file of its own because only one process of several loads it.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { buildAdminApi } from '../admin-api/app.ts';
import type { ProcessState } from '../admin-api/options.ts';
import { readTokens } from '../admin-api/tokens.ts';
import { printOfFiles, readNamedFiles } from '../config/certificate-files.ts';
import { interpret } from '../config/interpret.ts';
import type { Settings, TokenSettings } from '../config/settings.ts';
import { Census } from './control/census.ts';
import { openController, type SingleWriter } from './control/controller.ts';
import { EventLog } from './control/events.ts';
import { lookEveryMs, NamedTexts } from './control/files/named-texts.ts';
import { TicketKey } from './control/files/ticket-key.ts';
import { KeyRotation } from './control/key-rotation.ts';
import { Names } from './control/names.ts';
import type { NameResolver } from './control/names/ask.ts';
import { Refresher } from './control/names/refresher.ts';
import { systemResolver } from './control/names/system-resolver.ts';
import { Observer } from './control/observed.ts';
import type { Fleet, KeyRing, Store } from './control/ports.ts';
import { Probes } from './control/probes.ts';
import type { Rejection } from './core/change.ts';
import type { FleetReading } from './core/merge-reports.ts';
import type { JsonObject } from './core/json.ts';
import { warningsAboutListeners } from './core/listener-warnings.ts';
import type { SocketAddress } from './core/model.ts';
import type { Snapshot } from './core/snapshot.ts';
import type { ControlPlane } from './supervisor/control-process.ts';
import { explainListenError, StartError } from './supervisor/start-error.ts';
import type { Logger } from './telemetry/log.ts';
import { Metrics } from './telemetry/metrics.ts';

export interface ControlParts {
  /** The config file's document; undefined where it has been merged already. */
  readonly file: JsonObject | undefined;
  readonly settings: Settings;
  /** Where revisions and keys are kept; undefined = in memory. */
  readonly dataDir: string | undefined;
  readonly fleet: Fleet;
  readonly log: Logger;
  readonly adminBefore?: SocketAddress | undefined;
  /** Default: what this machine knows names by. */
  readonly resolver?: NameResolver;
  /** Opens the listeners, where that is not the supervisor's: one more thing that may fail. */
  readonly listen?: (snapshot: Snapshot) => Promise<void>;
}

/** How often workers are asked for their totals, so that little is lost with one that dies. Milliseconds. */
const collectEveryMs = 1000;
/** How long a publish is watched that nobody waits for. Milliseconds. */
const publishMs = 5000;
/** How long the start waits for names to be resolved: until then, workers would resolve them by themselves. Milliseconds. */
const namesMs = 1000;

/**
 * Opens the control plane on a store, sends the data plane what is in force, and answers the admin API. What the config file changes is
 * saved last: a start that fails changes nothing. Closes the store if it fails.
 */
export async function openControlPlane(parts: ControlParts): Promise<ControlPlane> {
  const { settings, fleet, log } = parts;
  const { store, signingKeys } = await openStorage(parts.dataDir, log);
  const clock = { nowMs: () => Date.now() };
  const events = new EventLog({ log, clock });
  const probes = new Probes({ fleet, events, log, clock, elapsedMs: () => performance.now(), random: Math.random });
  // Until something is in force, nobody need hear of names.
  let refresher: Refresher | undefined;
  const names = new Names({
    resolver: parts.resolver ?? systemResolver(),
    before: fleet.addressesBefore(),
    events,
    log,
    random: Math.random,
    onChange: () => refresher?.request(),
  });
  const texts = new NamedTexts({
    read: readNamedFiles,
    print: printOfFiles,
    before: fleet.filesBefore(),
    events,
    log,
    clock,
    onChange: () => refresher?.request(),
  });
  const ticketKey = new TicketKey(
    () => randomBytes(48),
    () => performance.now(),
  );
  const looking = setInterval(() => {
    void texts.look();
    if (ticketKey.renew()) refresher?.request();
  }, lookEveryMs).unref();
  const closeDrivers = (): void => {
    clearInterval(looking);
    refresher?.close();
    probes.close();
    names.close();
  };
  try {
    refuseToGoBack((await store.latest())?.number ?? 0, fleet);
    const controller = await open({
      store,
      fleet,
      interpret,
      clock,
      log,
      surroundings: {
        addresses: () => names.addresses(),
        signingKeys: () => signingKeys.keys(),
        files: () => texts.texts(),
        ticketKey: () => ticketKey.text(),
        gate: texts,
      },
      followers: [probes, names, texts],
      file: parts.file,
    });
    const snapshot = () => controller.snapshot();
    const census = new Census(fleet);
    const observer = new Observer({ events, clock, snapshot });
    const read = (timeoutMs: number): Promise<FleetReading> => census.read(timeoutMs);
    let state: ProcessState = 'starting';
    const metrics = new Metrics(async () => {
      const reading = await read(collectEveryMs);
      return { reading, model: controller.model(), snapshot: snapshot(), observed: observer.shares(reading.totals) };
    });
    const api = buildAdminApi({
      controller,
      fleet: { supervisorPid: fleet.supervisorPid, controlPid: process.pid, workers: () => fleet.workers(), read },
      metrics,
      tokens: await tokensOf(settings.admin.tokens),
      address: settings.admin.address,
      state: () => state,
      log,
      snapshot,
      health: probes,
      observed: observer,
      events,
      warnings: () => [...texts.warnings(), ...warningsAboutListeners(controller.model().listeners)],
      signingKeys: new KeyRotation({ ring: signingKeys, controller, events, log, elapsedMs: () => performance.now() }),
    });
    names.follow(controller.model());
    await names.settle(namesMs);
    const admin = await openAdmin(api, parts.adminBefore ?? settings.admin.address, async () => {
      await parts.listen?.(controller.snapshot());
      await controller.begin();
    });
    // Not waited for: a worker that is stuck must not keep the admin API from coming back, which may be needed to deal with it.
    refresher = new Refresher({ refresh: () => controller.refresh(publishMs), log });
    void refresher.now().then(() => probes.forgetBefore());
    const watch = new Watch({ look: async () => observer.onReading(await read(collectEveryMs)), log });
    const ticking = setInterval(() => void watch.look(), collectEveryMs).unref();
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
        closeDrivers();
        await controller.close();
        await api.close();
        await store.close();
      },
    };
  } catch (error) {
    closeDrivers();
    await store.close();
    throw error;
  }
}

/** Looks again and again at what happens. One that fails must not end the process that answers the admin API. */
class Watch {
  readonly #look: () => Promise<void>;
  readonly #log: Logger;
  #isFailing = false;

  constructor(parts: { readonly look: () => Promise<void>; readonly log: Logger }) {
    this.#look = parts.look;
    this.#log = parts.log;
  }

  /** Never rejects. One line when it begins to fail, not one for each second. */
  async look(): Promise<void> {
    try {
      await this.#look();
      this.#isFailing = false;
    } catch (cause) {
      if (!this.#isFailing) this.#log.error({ err: cause }, 'reading what the workers have counted failed; it is tried again every second');
      this.#isFailing = true;
    }
  }
}

async function open({ file, ...parts }: Parameters<typeof openController>[0] & { file: JsonObject | undefined }): Promise<SingleWriter> {
  const opened = await openController(parts, file);
  if (opened.kind === 'rejected') throw new StartError(describeRejection(opened));
  return opened;
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

async function openStorage(dataDir: string | undefined, log: Logger): Promise<{ readonly store: Store; readonly signingKeys: KeyRing }> {
  if (dataDir === undefined) {
    const [{ MemoryStore }, { MemoryKeyRing }] = await Promise.all([import('./store/memory.ts'), import('./store/memory-key-ring.ts')]);
    return { store: new MemoryStore(), signingKeys: new MemoryKeyRing() };
  }
  const [{ openSqliteStore }, { openKeyFile }] = await Promise.all([import('./store/sqlite.ts'), import('./store/key-file.ts')]);
  const store = await openSqliteStore(dataDir);
  try {
    return { store, signingKeys: await openKeyFile(dataDir, log) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function tokensOf(settings: readonly TokenSettings[]) {
  const reading = await readTokens(settings);
  if (reading.kind === 'unusable') throw new StartError(reading.message);
  return reading.tokens;
}

function describeRejection({ message, problems = [] }: Rejection): string {
  return [message, ...problems.map((problem) => `  ${problem.pointer || '/'}: ${problem.message}`)].join('\n');
}
