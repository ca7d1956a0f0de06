import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../control/ports.ts';
import { mergeReports } from '../core/merge-reports.ts';
import type { SocketAddress } from '../core/model.ts';
import type { WorkerReport } from '../core/reports.ts';
import { type Conditions, noConditions } from '../core/conditions.ts';
import { type Child, describeExit, type Exit } from './child.ts';
import type { Handle } from './channel.ts';
import { type Forks, inheritedSockets } from './fork.ts';
import { loadEveryMs, Loads } from './hand-over.ts';
import type { FromControl, FromWorker, OpenListener, ToControl, ToWorker } from './messages.ts';
import { Place } from './place.ts';
import type { HeldSockets } from './sockets.ts';
import { StartError } from './start-error.ts';
import { readTellings } from './telling-text.ts';
import { type Edition, WorkerLink } from './worker-link.ts';

export interface SupervisorOptions {
  readonly forks: Forks;
  /** The supervisor's from here on: it closes them. */
  readonly sockets: HeldSockets;
  /** At least 1. */
  readonly workers: number;
  /** Handed to each worker and to control as it is. */
  readonly setup: { readonly worker: unknown; readonly control: unknown };
  readonly log: Log;
  readonly pid: number;
}

/** Where a Sluice that has started can be reached. */
export interface Started {
  readonly listeners: readonly OpenListener[];
  readonly admin: SocketAddress;
}

/** How long the start may take: a part that hangs must not keep the operator waiting for ever. Milliseconds. */
const startDeadlineMs = 30_000;
/** Beyond the drain's own deadline, before a process that does not go is killed. Milliseconds. */
const killAfterMs = 5000;

type WorkerChild = Child<ToWorker, FromWorker>;
type ControlChild = Child<ToControl, FromControl>;

/**
 * Holds control and workers together: starts them, replaces those that die, carries their messages, and stops them in order. It keeps the
 * last published snapshot, so that a worker that starts while control is away can serve.
 *
 * It does nothing else, because nothing restarts *it*.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #control: Place<ToControl, FromControl>;
  readonly #workers: readonly Place<ToWorker, FromWorker>[];
  readonly #links = new Map<WorkerChild, WorkerLink>();
  /** The control process, once it has said hello. */
  #greetedControl: ControlChild | undefined;
  #conditions: Conditions = noConditions;
  /** What was published last. */
  #published: Edition | undefined;
  readonly #loads = new Loads();
  #loadsTicker: NodeJS.Timeout | undefined;
  #departed: WorkerReport | undefined;
  #admin: SocketAddress | undefined;
  readonly #listening = new Set<WorkerChild>();
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  readonly #started = Promise.withResolvers<Started>();
  #startDeadline: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const { forks, log } = options;
    this.#control = new Place(
      'control',
      () => forks.control(),
      {
        started: () => {},
        message: (child, message) => this.#hearControl(child, message),
        ended: (child, exit) => {
          if (this.#greetedControl === child) this.#greetedControl = undefined;
          this.#failStart('The control process', exit);
        },
      },
      log,
    );
    this.#workers = Array.from({ length: options.workers }, (_, index) => this.#createWorkerPlace(index + 1));
  }

  /**
   * Starts everything, and resolves when every worker listens and the admin API answers. Rejects with a {@link StartError} as soon as one
   * part cannot start, or takes too long; then nothing is left running. Only the first start is judged so: later a part that fails is
   * tried again.
   */
  start(): Promise<Started> {
    // Workers first: they are what takes longest, and all boot at the same time anyway.
    for (const worker of this.#workers) worker.start();
    this.#control.start();
    if (this.#options.workers > 1) this.#loadsTicker = setInterval(() => this.#tellLoads(), loadEveryMs);
    this.#startDeadline = setTimeout(() => this.#abandonStart(this.#describeLateStart()), startDeadlineMs);
    return this.#started.promise;
  }

  /**
   * Stops taking new work, lets workers finish what runs for at most `deadlineMs`, then lets control finish its calls. Resolves when all
   * processes are gone.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#beginToStop();
    this.#tellControl({ kind: 'draining' });
    const controlGone = this.#control.close();
    const workersGone = Promise.all(this.#workers.map((worker) => worker.close()));
    for (const link of this.#links.values()) link.drain(deadlineMs);
    await this.#orKill(workersGone, deadlineMs + killAfterMs, () => this.#workers);

    // One that never said hello has no call to finish.
    if (this.#greetedControl === undefined) this.#control.child?.kill('SIGKILL');
    this.#tellControl({ kind: 'leave' });
    await this.#orKill(controlGone, killAfterMs, () => [this.#control]);
  }

  /** Ends every process at once, whatever it is doing. Resolves when they are gone. */
  async kill(): Promise<void> {
    this.#beginToStop();
    await Promise.all(
      [this.#control, ...this.#workers].map((place) => {
        const gone = place.close();
        place.child?.kill('SIGKILL');
        return gone;
      }),
    );
  }

  #beginToStop(): void {
    this.#phase = 'stopping';
    clearTimeout(this.#startDeadline);
    clearInterval(this.#loadsTicker);
    // First, so that nobody waits in the queue of a socket that the last worker has left.
    this.#options.sockets.close();
  }

  #createWorkerPlace(id: number): Place<ToWorker, FromWorker> {
    const { forks, log } = this.#options;
    return new Place(
      `worker ${id}`,
      () => forks.worker(id),
      {
        started: (child) => void this.#links.set(child, new WorkerLink(id, child)),
        message: (child, message, handle) => this.#hearWorker(child, message, handle),
        ended: (child, exit) => this.#loseWorker(child, exit),
      },
      log,
    );
  }

  #welcome(link: WorkerLink): void {
    const { setup, workers, sockets } = this.#options;
    link.welcome({
      workers,
      setup: setup.worker,
      sockets: inheritedSockets(sockets.listeners.map(({ name }) => name)),
      snapshot: this.#published?.snapshot,
      edition: this.#published?.edition ?? 0,
      conditions: this.#conditions,
    });
    this.#tellControl({ kind: 'workerUp', worker: link.info });
  }

  #hearWorker(child: WorkerChild, message: FromWorker, handle: Handle | undefined): void {
    const link = this.#links.get(child);
    if (link === undefined) {
      handle?.close();
      return;
    }
    link.hear(message);
    const from = { worker: link.id, pid: child.pid };
    switch (message.kind) {
      case 'hello':
        this.#welcome(link);
        break;
      case 'listening':
        this.#listening.add(child);
        // At once, so that the first connections after a start find everybody known.
        this.#tellLoads();
        if (this.#phase === 'running') this.#options.log.info({ worker: link.id, workerPid: child.pid }, 'a worker has taken its place');
        this.#checkStarted();
        break;
      case 'applied':
        this.#tellControl({ ...message, ...from });
        break;
      case 'notApplied':
      case 'informed':
        break;
      case 'report':
        this.#tellControl({ ...message, ...from });
        break;
      case 'load':
        this.#loads.tell({ worker: link.id, connections: message.connections, rooms: message.rooms }, performance.now());
        break;
      case 'handOver':
        if (handle !== undefined) (this.#linkTo(message.to) ?? link).adopt(message.listener, message.fullAt, handle);
        break;
      case 'copySocket':
        child.send({ kind: 'socketCopy', ticket: message.ticket }, handle);
        break;
      case 'failed':
        this.#hearFailure(message.message);
        break;
      default:
    }
  }

  #linkTo(worker: number): WorkerLink | undefined {
    return [...this.#listening].map((child) => this.#links.get(child)).find((link) => link?.id === worker);
  }

  /** Only to workers that have told theirs: one that is stuck would let the news pile up. */
  #tellLoads(): void {
    const loads = this.#loads.current(performance.now());
    for (const { worker } of loads) this.#linkTo(worker)?.tellLoads(loads);
  }

  #loseWorker(child: WorkerChild, exit: Exit): void {
    const link = this.#links.get(child);
    this.#links.delete(child);
    this.#listening.delete(child);
    if (link === undefined) return;
    this.#loads.forget(link.id);
    // One sum, not a list: a worker that keeps dying must not make it grow.
    const last = readTellings(link.told);
    if (last !== undefined) this.#departed = mergeReports([], [...(this.#departed === undefined ? [] : [this.#departed]), last]);
    if (link.greeted) this.#tellControl({ kind: 'workerDown', worker: link.id, pid: child.pid, departed: this.#departed });
    this.#failStart(`Worker ${link.id}`, exit);
  }

  #hearControl(child: ControlChild, message: FromControl): void {
    // What a control process has left behind in its channel must not undo what the next one has been told.
    if (message.kind !== 'hello' && this.#greetedControl !== undefined && this.#greetedControl !== child) return;
    switch (message.kind) {
      case 'hello':
        this.#greetedControl = child;
        this.#tellControl({
          kind: 'welcome',
          setup: this.#options.setup.control,
          supervisorPid: this.#options.pid,
          workers: this.#greeted().map((link) => link.info),
          departed: this.#departed,
          told: new Map(this.#greeted().map(({ info, told }) => [info.pid, told])),
          admin: this.#admin,
          serving: this.#phase !== 'starting',
          conditions: this.#conditions,
          edition: this.#published?.edition ?? 0,
          addresses: this.#published?.snapshot.addresses ?? new Map(),
          files: this.#published?.snapshot.files ?? new Map(),
        });
        if (this.#phase === 'stopping') this.#tellControl({ kind: 'draining' });
        break;
      case 'ready':
        this.#admin = message.admin;
        if (this.#phase === 'running') this.#options.log.info({ controlPid: child.pid }, 'control has taken its place');
        this.#checkStarted();
        break;
      case 'publish':
        // Stored first: a worker that says hello from here on gets it, one that has already gets it now. Control hears of it last.
        this.#published = { snapshot: message.snapshot, edition: message.edition };
        for (const link of this.#greeted()) link.publish(this.#published);
        this.#tellControl({ kind: 'published', edition: message.edition });
        break;
      case 'inform':
        this.#conditions = message.conditions;
        for (const link of this.#greeted()) link.inform(message.conditions);
        break;
      case 'collect':
        for (const link of this.#greeted()) link.collect(message.ticket);
        break;
      case 'failed':
        this.#hearFailure(message.message);
        break;
      default:
    }
  }

  #greeted(): WorkerLink[] {
    return [...this.#links.values()].filter((link) => link.greeted).toSorted((a, b) => a.id - b.id);
  }

  #tellControl(message: ToControl): void {
    this.#greetedControl?.send(message);
  }

  #checkStarted(): void {
    if (this.#phase !== 'starting' || this.#admin === undefined || this.#listening.size < this.#workers.length) return;
    this.#phase = 'running';
    clearTimeout(this.#startDeadline);
    this.#tellControl({ kind: 'serving' });
    this.#started.resolve({ listeners: this.#options.sockets.listeners, admin: this.#admin });
  }

  #hearFailure(message: string): void {
    if (this.#phase === 'starting') this.#abandonStart(message);
    // While it stops, what several parts say about one and the same cause would only bury the first message.
    else if (this.#phase === 'running') this.#options.log.error({}, message);
  }

  #failStart(who: string, exit: Exit): void {
    if (this.#phase === 'starting')
      this.#abandonStart(`${who} ended while it started (${describeExit(exit)}). The lines above may say why.`);
  }

  #describeLateStart(): string {
    const listens = ({ child }: Place<ToWorker, FromWorker>) => child !== undefined && this.#listening.has(child);
    const late = this.#workers.flatMap((place, index) => (listens(place) ? [] : [`worker ${index + 1}`]));
    if (this.#admin === undefined) late.unshift('control');
    return (
      `Sluice was not ready after ${startDeadlineMs / 1000} s: ${late.join(', ')} did not finish starting. ` +
      'Look whether the machine is overloaded or a disk is stuck, then start it again.'
    );
  }

  #abandonStart(message: string): void {
    // A process that waits for a dead disk cannot even be killed: what there is to say is said all the same.
    void Promise.race([this.kill(), delay(killAfterMs, undefined, { ref: false })]).then(() =>
      this.#started.reject(new StartError(message)),
    );
  }

  async #orKill(
    gone: Promise<unknown>,
    afterMs: number,
    places: () => readonly (Place<ToWorker, FromWorker> | Place<ToControl, FromControl>)[],
  ) {
    const timer = setTimeout(() => {
      for (const place of places()) {
        if (place.child === undefined) continue;
        this.#options.log.warn({ killedPid: place.child.pid }, 'a process did not stop in time and is killed');
        place.child.kill('SIGKILL');
      }
    }, afterMs);
    await gone;
    clearTimeout(timer);
  }
}
