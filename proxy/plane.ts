import type { Cause } from '../src/core/terminations.ts';
import type { AccessLine } from './access-line.ts';
import type { CauseCounter } from './counters.ts';
import type { Claim } from './claim.ts';
import type { Admission } from './entrance/admission.ts';
import type { FailedHandshakes } from './entrance/failed-handshakes.ts';
import type { BodyMemory } from './kept-body.ts';
import type { RequestHead } from './message.ts';
import type { LiveTarget } from './live.ts';
import type { Mirrors } from './mirrors.ts';
import type { Routing } from './routing.ts';
import type { Detached } from './sides.ts';

/** What every exchange of one worker shares. */
export interface Plane {
  /** The current revision's routing: replaced by one assignment, read once per request. */
  routing: Routing;
  /** A coarse clock, in milliseconds, exact to a tick. For time-outs; durations are measured with `performance.now()`. */
  nowMs: number;
  /** The time of day, in milliseconds since the epoch, exact to a tick. */
  wallMs: number;
  /** The Date field's line, renewed by the tick. */
  dateLine: string;
  /** Answers ask clients to leave. */
  draining: boolean;
  readonly random: () => number;
  readonly terminations: CauseCounter;
  /** What this worker can take on. */
  readonly admission: Admission;
  readonly failedHandshakes: FailedHandshakes;
  /** Undefined = no access log. */
  readonly access: ((line: AccessLine) => void) | undefined;
  readonly upgrades: Upgrades;
  readonly mirrors: Mirrors;
  /** For the bodies of requests that may have to be sent again. */
  readonly bodyMemory: BodyMemory;
  /** Tells an operator of a bug of ours. */
  readonly onBug: (error: unknown) => void;
}

/** Takes over connections whose client wants another protocol. */
export interface Upgrades {
  /** From here on the connection, the claim and the exchange's record are its own, until it calls `finishUpgrade`. */
  take(exchange: UpgradingExchange, head: RequestHead, forwarding: string, connection: Detached): void;
  /** How many it carries to this target. */
  carriedTo(target: LiveTarget): number;
}

/** What is left of an exchange whose connection has been handed over. */
export interface UpgradingExchange {
  readonly claim: Claim;
  /** Field lines for the target's answer: cookies of ours, and where the request went, where that is wanted. */
  extraFields(): string;
  /** Moves the claim to a target that is not in `tried`. False = there is none. */
  takeAnother(tried: readonly LiveTarget[]): boolean;
  /** Whether an attempt at the claim's target came to an answer, whatever that says, or failed as connections do. Once per attempt. */
  noteOutcome(failed: boolean): void;
  /** Records and uncounts it. `status` is 101, or what the target said instead, or 0 where `cause` tells. Bytes are the client's. */
  finishUpgrade(status: number, cause: Cause | '', bytes: number, bytesReceived: number): void;
}
