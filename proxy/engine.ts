import { type Conditions, noConditions } from '../src/core/conditions.ts';
import { dueToClose } from '../src/core/drain.ts';
import type { Listener, SocketAddress, TargetTls } from '../src/core/model.ts';
import type { MirrorReport, ServiceReport, WorkerReport } from '../src/core/reports.ts';
import type { FileTexts, Snapshot } from '../src/core/snapshot.ts';
import type { Telling } from '../src/core/tellings.ts';
import { type AccessLine, formatAccessLine } from './access-line.ts';
import { type Account, accountsOf, type Doing, reportAccounts } from './accounts.ts';
import { CauseCounter } from './counters.ts';
import type { DataPlane, DataPlaneOptions } from './data-plane.ts';
import { Admission, UpstreamRoom } from './entrance/admission.ts';
import { FailedHandshakes } from './entrance/failed-handshakes.ts';
import type { Exchange } from './exchange.ts';
import { ClientSocket, type ConnectionHandle } from './http1/client-socket.ts';
import { Http1Connector } from './http1/connector.ts';
import { type Destination, Destinations } from './http1/destination.ts';
import { BodyMemory } from './kept-body.ts';
import { type ListenerPlace, type ListenerSetup, ListeningSocket } from './listener.ts';
import { type LiveTarget, shareOfLimit, type WorkerShare } from './live.ts';
import { Mirrors } from './mirrors.ts';
import type { Plane } from './plane.ts';
import { applyConditions, bindRouting, emptyRouting, KnownConditions, type Routing, targetsOf } from './routing.ts';
import { Teller } from './teller.ts';
import { ProxiedUpgrades } from './upgrades.ts';

/** Of all bodies that a worker keeps for being sent again: a thousand of the size that is kept by default. Beyond it none is kept. */
const bodyMemoryBytes = 67_108_864;
/** The one timer of a worker: deadlines are exact to this much. */
const tickMs = 100;
/** A tick that comes later than this after the one before it finds a process that was busy, or stopped. */
const lateTickMs = 300;
/** Idle upstream connections are looked through, and what time changes of targets is seen to, this often. */
const tidyEveryTicks = 10;
/** Sketches of clients are of the last one to two minutes. */
const turnClientsEveryTicks = 600;
/** How long connections that were ended at the deadline of a drain have to close, before they are cut: WebSockets wait 2 s for their clients. */
const endingMs = 2500;

export function createDataPlane(options: DataPlaneOptions): DataPlane {
  return new Engine(options);
}

class Engine implements DataPlane {
  readonly #plane: Plane;
  readonly #upgrades: ProxiedUpgrades;
  readonly #clock = { nowMs: coarseNow() };
  readonly #listening: ListeningSocket[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #ticks = 0;
  #wasLate = false;
  #drain: Drain | undefined;
  readonly #place: ListenerPlace;
  readonly #upstreamRoom: UpstreamRoom;
  readonly #warn: DataPlaneOptions['warn'];
  readonly #share: WorkerShare;
  #conditions = new KnownConditions(noConditions);
  #files: FileTexts = new Map();
  #ticketKey = '';
  #destinations: Destinations | undefined;
  readonly #teller = new Teller();
  /** Of the routing in force: whatever is reported. */
  #accounts: readonly Account[] = [];
  /** Of the routing in force: targets that may have no time left. */
  #leaving: readonly LiveTarget[] = [];
  readonly #onUnusableFiles: (error: unknown, settings: TargetTls) => void;

  constructor(options: DataPlaneOptions) {
    const { access } = options;
    this.#share = options.workers ?? { count: 1, index: 0 };
    this.#place = {
      otherWorkers: options.otherWorkers,
      connections: () => this.connections,
      copySocket: options.copySocket,
      share: this.#share,
    };
    const admission = new Admission(options.room ?? { descriptors: Infinity, heldBytesMax: Infinity }, this.#listening, options.warn);
    this.#warn = options.warn;
    this.#upstreamRoom = new UpstreamRoom(admission.clientsMax, () => this.#closeIdleUpstream());
    const clock = this.#clock;
    let time = new Date().toISOString();
    let timeMs = clock.nowMs;
    const onBug = (error: unknown) => options.warn({ err: error }, 'unexpected error in the data plane');
    this.#onUnusableFiles = (error, tls) =>
      options.warn({ err: error, tls }, 'the files of a pool’s tls cannot be used; its targets are not trusted');
    this.#upgrades = new ProxiedUpgrades(clock, onBug, this.#upstreamRoom);
    const mirrors = new Mirrors(clock, Math.random, onBug);
    this.#plane = {
      routing: emptyRouting,
      nowMs: clock.nowMs,
      wallMs: Date.now(),
      dateLine: dateLine(),
      draining: false,
      random: Math.random,
      terminations: new CauseCounter(),
      failedHandshakes: new FailedHandshakes(options.info ?? (() => {})),
      admission,
      upgrades: this.#upgrades,
      mirrors,
      bodyMemory: new BodyMemory(bodyMemoryBytes),
      onBug,
      access:
        access &&
        ((line: AccessLine) => {
          if (timeMs !== clock.nowMs) {
            time = new Date().toISOString();
            timeMs = clock.nowMs;
          }
          access(formatAccessLine(line, time));
        }),
    };
  }

  apply(snapshot: Snapshot): void {
    const before = this.#plane.routing;
    this.#setClock(coarseNow());
    const destinations = new Destinations(snapshot.files, this.#onUnusableFiles, this.#destinations);
    this.#destinations = destinations;
    this.#plane.routing = bindRouting(snapshot, before, {
      destinationOf: (target, tls) => destinations.of(target, tls),
      connectorTo: (destination: Destination) => new Http1Connector(destination, this.#clock, this.#upstreamRoom),
      random: Math.random,
      share: this.#share,
      conditions: this.#conditions,
      nowMs: this.#plane.nowMs,
      wallMs: this.#plane.wallMs,
    });
    this.#accounts = [...accountsOf(this.#plane.routing.services.values()), ...this.#plane.routing.retired];
    this.#leaving = leavingTargets(this.#accounts);
    this.#files = snapshot.files;
    this.#ticketKey = snapshot.ticketKey;
    for (const listening of this.#listening) {
      const listener = snapshot.listeners.find(({ name }) => name === listening.listener.name) ?? listening.listener;
      listening.update(this.#setupOf(listener));
    }
    this.#plane.mirrors.prepare(this.#plane.routing.services.values());
    for (const { pools } of before.services.values()) for (const { counts } of pools) counts.waiting.restart();
  }

  inform(conditions: Conditions): void {
    this.#setClock(coarseNow());
    this.#conditions = new KnownConditions(conditions);
    applyConditions(this.#plane.routing, this.#conditions, this.#plane.nowMs, this.#plane.wallMs);
  }

  async listen(sockets?: ReadonlyMap<string, number>): Promise<readonly SocketAddress[]> {
    const addresses: SocketAddress[] = [];
    this.#setClock(coarseNow());
    this.#ticker = setInterval(() => this.#onTick(), tickMs);
    try {
      for (const listener of this.#plane.routing.listeners) {
        // Known before it accepts, so that a drain finds its connections even if a later listener cannot be opened.
        const listening = new ListeningSocket(this.#plane, this.#setupOf(listener), this.#place);
        this.#listening.push(listening);
        addresses.push(await listening.open(sockets?.get(listener.name)));
      }
    } catch (error) {
      for (const listening of this.#listening) listening.stopAccepting();
      throw error;
    }
    this.#checkRoom();
    return addresses;
  }

  /** Says so where the system does not let in as many clients as the configuration does. One worker speaks for all. */
  #checkRoom(): void {
    const { admission, routing } = this.#plane;
    const wanted = routing.listeners.reduce((sum, { limits }) => sum + shareOfLimit(limits.connections, this.#share), 0);
    if (wanted <= admission.clientsMax || this.#share.index > 0) return;
    const fields = { clientsPerWorker: admission.clientsMax, limitPerWorker: wanted };
    this.#warn(fields, 'there are fewer file descriptors than limits.connections needs (ulimit -n); docs/overload.md has the sum');
  }

  drain(deadlineMs: number): Promise<void> {
    this.#plane.draining = true;
    const until = coarseNow() + deadlineMs;
    if (this.#drain !== undefined) {
      this.#drain.untilMs = Math.min(this.#drain.untilMs, until);
      return this.#drain.finished;
    }
    for (const listening of this.#listening) listening.stopAccepting();
    const { promise: finished, resolve } = Promise.withResolvers<void>();
    this.#drain = { untilMs: until, ending: false, finished, resolve };
    this.#ticker ??= setInterval(() => this.#onTick(), tickMs);
    this.#advanceDrain(this.#drain, coarseNow());
    return finished;
  }

  report(): WorkerReport {
    return this.#reportWith(reportAccounts(this.#accounts, this.#doing(), (serviceId) => this.#plane.mirrors.report(serviceId)));
  }

  tell(wantsWhole: boolean): Telling {
    const mirrorsOf = (serviceId: string): readonly MirrorReport[] => this.#plane.mirrors.report(serviceId);
    const { isWhole, services } = this.#teller.tell(this.#accounts, this.#doing(), mirrorsOf, wantsWhole);
    return { isWhole, report: this.#reportWith(services) };
  }

  #reportWith(services: readonly ServiceReport[]): WorkerReport {
    const { admission, routing, terminations } = this.#plane;
    let inFlight = 0;
    for (const { target } of this.#accounts) if (target !== undefined) inFlight += target.inFlight;
    return {
      revision: routing.revision,
      connections: this.connections,
      acceptPauses: admission.pauses,
      inFlight,
      services,
      terminations: terminations.report(),
    };
  }

  get connections(): number {
    let open = 0;
    for (const { connections, waiting } of this.#listening) open += connections + waiting;
    return open;
  }

  rooms(): ReadonlyMap<string, number> {
    return new Map(this.#listening.map(({ listener, room }) => [listener.name, room]));
  }

  adopt(connection: ConnectionHandle, listener: string, fullAt: readonly number[]): void {
    const socket = new ClientSocket(connection);
    const listening = this.#listening.find((candidate) => candidate.listener.name === listener);
    if (listening === undefined) socket.destroy();
    else listening.accept(socket, fullAt);
  }

  #setupOf(listener: Listener): ListenerSetup {
    return { listener, files: this.#files, ticketKey: this.#ticketKey };
  }

  #onTick(): void {
    const nowMs = coarseNow();
    const late = nowMs - this.#clock.nowMs > lateTickMs;
    this.#setClock(nowMs);
    // What others sent while we did not look waits to be read: nobody is judged late before that was done. But where every tick is late
    // the process has too much to do, and time-outs matter more than ever.
    const mayWait = late && !this.#wasLate;
    this.#wasLate = late;
    if (mayWait) return;
    for (const listening of this.#listening) listening.onTick(nowMs);
    this.#plane.admission.onTick(nowMs);
    this.#upgrades.onTick(nowMs);
    if (++this.#ticks % tidyEveryTicks === 0) {
      this.#plane.dateLine = dateLine();
      this.#tidy(this.#plane.routing);
    }
    if (this.#ticks % turnClientsEveryTicks === 0) turnClients(this.#plane.routing);
    this.#endOverdue(this.#plane);
    this.#plane.mirrors.onTick(nowMs);
    if (this.#drain !== undefined) this.#advanceDrain(this.#drain, nowMs);
  }

  #setClock(nowMs: number): void {
    this.#clock.nowMs = this.#plane.nowMs = nowMs;
    this.#plane.wallMs = Date.now();
  }

  #tidy({ services }: Routing): void {
    const { nowMs, wallMs } = this.#plane;
    for (const service of services.values()) {
      for (const pool of service.pools) pool.onTime(nowMs, wallMs);
      for (const { targets } of service.pools) for (const { connector } of targets) connector.tidy();
    }
  }

  #closeIdleUpstream(): void {
    for (const service of this.#plane.routing.services.values()) {
      for (const { targets } of service.pools) for (const { connector } of targets) if (connector.closeIdle()) return;
    }
  }

  /** What still runs on targets that were taken out, or removed, after their deadline: little by little it is ended. */
  #endOverdue({ wallMs }: Plane): void {
    const overdue = this.#leaving.filter((target) => isOverdue(target, wallMs));
    if (overdue.length === 0) return;
    const running = Map.groupBy(this.#exchanges(), ({ claim }) => claim.target);
    // Those that were taken out together, such as a pool, are spread together: otherwise the more targets, the more at once.
    for (const [drainUntilMs, targets] of Map.groupBy(overdue, (target) => target.drainUntilMs!)) {
      const left = targets.reduce((sum, target) => sum + (running.get(target)?.length ?? 0) + this.#upgrades.openOn(target), 0);
      let due = dueToClose(left, drainUntilMs, wallMs);
      for (const target of targets) due -= this.#endOn(target, running.get(target) ?? [], due);
    }
  }

  /** Returns how many it has ended, at most so many. */
  #endOn(target: LiveTarget, exchanges: readonly Exchange[], atMost: number): number {
    const ended = exchanges.slice(0, atMost);
    for (const exchange of ended) exchange.endAfterDrain();
    return ended.length + this.#upgrades.closeOn(target, atMost - ended.length, 'drained');
  }

  *#exchanges(): Generator<Exchange> {
    for (const listening of this.#listening) yield* listening.exchanges();
  }

  #doing(): ReadonlyMap<LiveTarget, Doing> {
    const doing = new Map<LiveTarget, Doing>();
    const at = (target: LiveTarget): Doing => {
      let known = doing.get(target);
      if (known === undefined) doing.set(target, (known = { streaming: 0, upgraded: 0 }));
      return known;
    };
    for (const { claim, isAnswering } of this.#exchanges()) if (isAnswering && claim.target !== undefined) at(claim.target).streaming++;
    for (const target of this.#upgrades.targets()) at(target).upgraded++;
    return doing;
  }

  #advanceDrain(drain: Drain, nowMs: number): void {
    if (this.connections === 0) {
      clearInterval(this.#ticker);
      for (const service of this.#plane.routing.services.values()) for (const target of targetsOf(service)) target.connector.close();
      this.#plane.mirrors.close();
      drain.resolve();
    } else if (nowMs >= drain.untilMs && !drain.ending) {
      drain.ending = true;
      for (const listening of this.#listening) listening.abandonAll();
      this.#upgrades.closeAll();
    } else if (drain.ending && nowMs >= drain.untilMs + endingMs) {
      this.#upgrades.destroyAll();
    }
  }
}

interface Drain {
  untilMs: number;
  /** The deadline has passed, and what was left was told to end. */
  ending: boolean;
  readonly finished: Promise<void>;
  readonly resolve: () => void;
}

/** Those that were taken out, or removed, and are to have finished at some time. That changes with the routing only. */
function leavingTargets(accounts: readonly Account[]): LiveTarget[] {
  return accounts.flatMap(({ target }) => (target !== undefined && mayBecomeOverdue(target) ? [target] : []));
}

function mayBecomeOverdue({ state, retired, drainUntilMs }: LiveTarget): boolean {
  return (retired || state !== 'ready') && drainUntilMs !== undefined;
}

/** Its time to finish is over, and it has not finished. */
function isOverdue({ inFlight, drainUntilMs }: LiveTarget, wallMs: number): boolean {
  return inFlight > 0 && wallMs >= drainUntilMs!;
}

function turnClients({ services }: Routing): void {
  for (const { pools } of services.values()) for (const { counts } of pools) counts.turnClients();
}

/** Monotonic, so that a clock that is set cannot fire every time-out at once. */
function coarseNow(): number {
  return Math.floor(performance.now());
}

function dateLine(): string {
  return `date: ${new Date().toUTCString()}\r\n`;
}
