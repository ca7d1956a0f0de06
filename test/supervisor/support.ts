import type { Log } from '../../src/control/ports.ts';
import type { WorkerReport } from '../../src/core/reports.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Handle } from '../../src/supervisor/channel.ts';
import type { Child, Exit } from '../../src/supervisor/child.ts';
import type { FromControl, FromWorker, OpenListener, ToControl, ToWorker } from '../../src/supervisor/messages.ts';
import type { HeldSockets } from '../../src/supervisor/sockets.ts';
import { type ToldText, writeTelling } from '../../src/supervisor/telling-text.ts';

export const snapshotOf = (revision: number): Snapshot => ({
  revision,
  listeners: [],
  services: [],
  routes: [],
  signingKeys: [],
  files: new Map(),
  ticketKey: '',
  addresses: new Map(),
});

/** A report of which only one number matters. */
export const reportOf = (requests: number): WorkerReport => ({
  revision: 1,
  connections: 0,
  acceptPauses: 0,
  inFlight: 0,
  services: [
    {
      id: 's',
      retries: 0,
      retriesRefused: 0,
      rescued: 0,
      decisions: { split: requests },
      mirrors: [],
      pools: [
        {
          id: 'p',
          targets: [
            { id: 't', inFlight: 0, streaming: 0, upgraded: 0, available: true, ejected: false, ejections: 0, codes: { '200': requests } },
          ],
          durations: { counts: [requests], sumMs: 0 },
          picked: requests,
          queued: 0,
          clients: undefined,
        },
      ],
    },
  ],
  terminations: {},
});

/** The same as it travels. */
export const toldOf = (requests: number, isWhole = true): ToldText => writeTelling({ isWhole, report: reportOf(requests) });

/** A telling in which no service has changed. */
export const nothingNew: ToldText = writeTelling({ isWhole: false, report: { ...reportOf(0), services: [] } });

export const requestsIn = (report: WorkerReport | undefined): number => report?.services[0]?.pools[0]?.targets[0]?.codes['200'] ?? 0;

/** A process that only exists in the test. */
export class TestChild<Sent, Received> implements Child<Sent, Received> {
  readonly pid: number;
  readonly sent: Sent[] = [];
  /** Connections that came with messages. */
  readonly handles: Handle[] = [];
  readonly signals: string[] = [];
  #hear: (message: Received, handle: Handle | undefined) => void = () => {};
  #exit: (exit: Exit) => void = () => {};

  constructor(pid: number) {
    this.pid = pid;
  }

  send(message: Sent, handle?: Handle): void {
    this.sent.push(message);
    if (handle !== undefined) this.handles.push(handle);
  }
  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal);
    if (signal === 'SIGKILL') this.die({ code: null, signal });
  }
  onMessage(listener: (message: Received, handle: Handle | undefined) => void): void {
    this.#hear = listener;
  }
  onExit(listener: (exit: Exit) => void): void {
    this.#exit = listener;
  }

  /** The process says something. */
  say(message: Received, handle?: Handle): void {
    this.#hear(message, handle);
  }
  die(exit: Exit = { code: 1, signal: null }): void {
    const tell = this.#exit;
    this.#exit = () => {};
    tell(exit);
  }
}

/** Sockets that only exist in the test. */
export class TestSockets implements HeldSockets {
  readonly listeners: readonly OpenListener[];
  readonly descriptors = [];
  closed = false;

  constructor(listeners: readonly OpenListener[]) {
    this.listeners = listeners;
  }

  close(): void {
    this.closed = true;
  }
}

/** Every process that a supervisor has started, in order. */
export class TestForks {
  readonly workers: { readonly id: number; readonly child: TestChild<ToWorker, FromWorker> }[] = [];
  readonly controls: TestChild<ToControl, FromControl>[] = [];
  #pid = 100;

  worker(id: number): TestChild<ToWorker, FromWorker> {
    const child = new TestChild<ToWorker, FromWorker>(this.#pid++);
    this.workers.push({ id, child });
    return child;
  }
  control(): TestChild<ToControl, FromControl> {
    const child = new TestChild<ToControl, FromControl>(this.#pid++);
    this.controls.push(child);
    return child;
  }
}

export class TestLog implements Log {
  readonly lines: { readonly level: string; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }[] = [];
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}
