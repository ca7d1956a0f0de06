/**
 * What a worker can take on. Two things run out when too many clients come at once, and both are bounded here: file descriptors, and memory
 * for what clients are slow to take. See docs/overload.md.
 */
import type { Server } from 'node:net';

/** What may be listened on again: it must be closed where that is not wanted any more. */
export interface SocketCopy {
  close(): void;
}

/** Copies the socket that a server listens on, or a copy of it; resolves with undefined where that cannot be done, and soon in any case. While a copy is open, who comes waits in its queue. */
export type CopySocket = (socket: Server | SocketCopy) => Promise<SocketCopy | undefined>;

/** A connection from a client, as far as room is concerned. */
export interface Guest {
  /** Since when it has been between two requests, on the coarse clock; undefined where it is not. */
  readonly idleSinceMs: number | undefined;
  /** Bytes that it has sent and nobody has taken yet, or that it has not taken. */
  readonly heldBytes: number;
  /** Since when nothing of that has moved, on the coarse clock. */
  readonly heldSinceMs: number;
  /** Closes it at once, with what runs on it. */
  turnOut(): void;
}

/** One of the listeners that share the room. */
export interface Entrance {
  readonly connections: number;
  /** Bytes that its connections held at the last tick. */
  readonly heldBytes: number;
  guests(): Iterable<Guest>;
  /** Leaves who comes in the queue of the system. It goes on accepting where that is not possible. */
  pause(): void;
  resume(): void;
  /** Lets in who waits, as far as there is room. */
  letIn(): void;
}

export interface Room {
  /** File descriptors that this process may have open. Infinity = not known. */
  readonly descriptors: number;
  /** Bytes that its connections may hold in all. */
  readonly heldBytesMax: number;
}

/** For what is not a connection to a client or its target: files, channels, listening sockets, copies for shadows, probes, who is turned away. */
const reserveMin = 64;
const reserveShare = 0.05;
/** A client that has been idle for less than this may just be sending its next request. */
const idleMs = 1000;
/** Once it is full, this share of the room is made free before more is let in, so that looking for it is not done for each connection. */
const slack = 1 / 16;

const warnEveryMs = 60_000;

/** Something an operator should know. */
export type Warn = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Descriptors that are kept for everything else. */
export function reserveOf(descriptors: number): number {
  return Math.max(reserveMin, Math.ceil(descriptors * reserveShare));
}

/** Clients for which there are descriptors: each may need a second one, for the connection to its target. At least one. */
export function clientsWithin(descriptors: number): number {
  return descriptors === Infinity ? Infinity : Math.max(1, Math.floor((descriptors - reserveOf(descriptors)) / 2));
}

export class Admission {
  /** Clients that may be connected. */
  readonly clientsMax: number;
  /** Clients that are told why they are turned away may be connected besides, so many at once. */
  readonly turnedAwayMax: number;
  /** Clients that other workers have handed over too late may wait besides, unread, in each listener so many at once. See docs/overload.md. */
  readonly waitingMax: number;
  /** How often accepting was paused. */
  pauses = 0;
  isPaused = false;
  readonly #heldBytesMax: number;
  readonly #warn: Warn;
  readonly #warnedAtMs = new Map<string, number>();
  readonly #entrances: readonly Entrance[];

  /** @param entrances may grow later */
  constructor({ descriptors, heldBytesMax }: Room, entrances: readonly Entrance[], warn: Warn) {
    this.#warn = warn;
    this.clientsMax = clientsWithin(descriptors);
    this.turnedAwayMax = descriptors === Infinity ? 256 : Math.min(256, Math.floor(reserveOf(descriptors) / 4));
    this.waitingMax = this.turnedAwayMax;
    this.#heldBytesMax = heldBytesMax;
    this.#entrances = entrances;
  }

  /** Nobody more can be let in. */
  get isFull(): boolean {
    return this.#clients() >= this.clientsMax;
  }

  /** How many more can be let in by one of the entrances. None while who comes is left waiting. */
  get room(): number {
    return this.isPaused ? 0 : Math.max(0, this.clientsMax - this.#clients());
  }

  /** Somebody was let in. With the last place gone, idle clients make room; where there are none, who comes next has to wait. */
  onEntered(nowMs: number): void {
    if (!this.isFull || this.isPaused) return;
    this.#closeIdle(nowMs);
    if (!this.isFull) return;
    this.isPaused = true;
    this.pauses++;
    for (const entrance of this.#entrances) entrance.pause();
    this.#tell(nowMs, { clients: this.clientsMax }, 'file descriptors are short: new clients wait until others have gone');
  }

  onTick(nowMs: number): void {
    if (this.isPaused) this.#tryResume(nowMs);
    let held = 0;
    for (const entrance of this.#entrances) held += entrance.heldBytes;
    if (held > this.#heldBytesMax) this.#shed(held, nowMs);
  }

  #tryResume(nowMs: number): void {
    this.#closeIdle(nowMs);
    // They came before those in the queue of the system.
    for (const entrance of this.#entrances) entrance.letIn();
    if (this.#clients() > this.#resumeAt) return;
    this.isPaused = false;
    for (const entrance of this.#entrances) entrance.resume();
  }

  get #resumeAt(): number {
    return this.clientsMax - Math.max(1, Math.floor(this.clientsMax * slack));
  }

  #clients(): number {
    let clients = 0;
    for (const { connections } of this.#entrances) clients += connections;
    return clients;
  }

  /** The longest idle go first, as many as it takes. nginx makes room in the same way. */
  #closeIdle(nowMs: number): void {
    const idle: { readonly guest: Guest; readonly sinceMs: number }[] = [];
    for (const guest of this.#guests()) {
      const sinceMs = guest.idleSinceMs;
      if (sinceMs !== undefined && nowMs - sinceMs >= idleMs) idle.push({ guest, sinceMs });
    }
    const wanted = this.#clients() - this.#resumeAt;
    idle.sort((a, b) => a.sinceMs - b.sinceMs);
    for (const { guest } of idle.slice(0, Math.max(0, wanted))) guest.turnOut();
  }

  /** Those where nothing has moved for longest go first. */
  #shed(held: number, nowMs: number): void {
    this.#tell(
      nowMs,
      { heldBytes: held, heldBytesMax: this.#heldBytesMax },
      'connections hold too much memory of what nobody takes: those where nothing has moved for longest are cut',
    );
    const holding = [...this.#guests()].filter(({ heldBytes }) => heldBytes > 0).toSorted((a, b) => a.heldSinceMs - b.heldSinceMs);
    let left = held;
    for (const guest of holding) {
      if (left <= this.#heldBytesMax * (1 - slack)) return;
      left -= guest.heldBytes;
      guest.turnOut();
    }
  }

  /** Once a minute at most: it may come to that ten times a second. */
  #tell(nowMs: number, fields: Readonly<Record<string, unknown>>, message: string): void {
    if (nowMs - (this.#warnedAtMs.get(message) ?? -Infinity) < warnEveryMs) return;
    this.#warnedAtMs.set(message, nowMs);
    this.#warn(fields, message);
  }

  *#guests(): Generator<Guest> {
    for (const entrance of this.#entrances) yield* entrance.guests();
  }
}

/**
 * Connections to targets, of one worker. In use there are never more than clients; kept ones may be more, and make room for new ones.
 */
export class UpstreamRoom {
  /** Open, or being opened. */
  open = 0;
  readonly #max: number;
  /** Closes one that is idle. */
  readonly #makeRoom: () => void;

  constructor(max: number, makeRoom: () => void) {
    this.#max = max;
    this.#makeRoom = makeRoom;
  }

  /** One more is about to be opened. */
  enter(): void {
    if (this.open >= this.#max) this.#makeRoom();
    this.open++;
  }

  leave(): void {
    this.open--;
  }
}

/** No limit but each connector's own; for tests of one. */
export const unlimitedRoom = new UpstreamRoom(Infinity, () => {});

/**
 * How connections of one client are counted together: an IPv4 address; of an IPv6 address the first 64 bits, because that much is what one
 * subscriber has at least (RFC 6177), who could come from another address each time. `address` as Node writes it.
 */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  const plain = address.split('%', 1)[0]!;
  const [head = '', tail] = plain.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  // What `::` stands for, as far as it lies in the first half: the second half has at most four groups, IPv4 notation being two of them.
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const afterLength = after.length + (tail?.includes('.') === true ? 1 : 0);
  if (tail !== undefined) groups.push(...Array.from<string>({ length: Math.max(0, 8 - groups.length - afterLength) }).fill('0'), ...after);
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}
