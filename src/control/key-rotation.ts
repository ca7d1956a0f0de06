/**
 * A new key for signing cookies, such that no client becomes a stranger by it.
 *
 * Workers hear of a key one after the other. One that signed with it at once would give clients cookies that the others do not know, and those would take
 * such a client for a new one and perhaps put it into another pool. So the key comes in two steps: it verifies, and the workers are waited for;
 * then it signs.
 *
 * That holds for the workers of this machine. Where several machines share the file of keys, the others do not look at it while they run: until it has
 * been copied there and Sluice been restarted on them, they do not know the new key.
 */
import { reject, type Rejection } from '../core/change.ts';
import { staleRevision, type SingleWriter } from './controller.ts';
import type { Events, KeyRing, Log, RotationOptions, RotationReply } from './ports.ts';

export interface KeyRotationParts {
  readonly ring: KeyRing;
  readonly controller: Pick<SingleWriter, 'current' | 'refresh' | 'isClosing'>;
  readonly events: Events;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Milliseconds that never run backwards. */
  readonly elapsedMs: () => number;
}

/**
 * Each rotation drops the oldest of few keys, and with it whoever has not come since. A call that is repeated by mistake must not do that to everybody.
 * Milliseconds.
 */
export const rotationGapMs = 60_000;

export class KeyRotation {
  readonly #parts: KeyRotationParts;
  #rotatedAtMs = -Infinity;
  /** Resolves when the last rotation is over. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: KeyRotationParts) {
    this.#parts = parts;
  }

  /** One at a time. Throws a `StoreError` where the new key, or that it signs, cannot be saved. */
  rotate(options: RotationOptions): Promise<RotationReply> {
    const rotation = this.#last.then(() => this.#rotate(options));
    this.#last = rotation.catch(() => {});
    return rotation;
  }

  async #rotate({ actor, reason, ifRevisions, timeoutMs, isForced }: RotationOptions): Promise<RotationReply> {
    const { ring, controller, events, log, elapsedMs } = this.#parts;
    const current = controller.current().number;
    if (controller.isClosing) return shuttingDown('Nothing has changed.');
    if (ifRevisions !== undefined && !ifRevisions.includes(current)) return staleRevision(ifRevisions, current);
    const begunAtMs = elapsedMs();
    const agoMs = begunAtMs - this.#rotatedAtMs;
    if (!isForced && agoMs < rotationGapMs) return rotatedLately(agoMs);

    const before = ring.keys()[0]!.id;
    const key = await ring.announce();
    this.#rotatedAtMs = begunAtMs;
    log.info({ actor, reason, key, keys: ring.keys().length }, 'a new signing key verifies; it signs when the workers know it');
    if (controller.isClosing) return shuttingDown(announcedOnly);
    // No more than half of the time, so that some is left to hear who signs.
    const { stragglers: unaware } = await controller.refresh(timeoutMs / 2);
    if (unaware.length > 0) {
      const workers = unaware.map(({ worker }) => worker);
      log.warn(
        { key, workers },
        'workers do not know the new signing key in time; clients that come to them with it are taken for new ones',
      );
    }

    if (controller.isClosing) return shuttingDown(announcedOnly);
    await ring.promote(key);
    events.note({ kind: 'keys', service: '', pool: '', target: '', from: before, to: key, cause: causeOf(actor, reason) });
    if (controller.isClosing) return shuttingDown('A new key was saved, and signs from the next start on.');
    const { applied, stragglers } = await controller.refresh(Math.max(0, timeoutMs - (elapsedMs() - begunAtMs)));
    return { kind: 'rotated', key, keys: ring.keys().length, file: ring.file, applied, stragglers };
  }
}

const announcedOnly = 'A new key was saved that verifies, but it does not sign yet: rotate again after the next start.';

function shuttingDown(what: string): Rejection {
  return reject('SHUTTING_DOWN', `Sluice is stopping. ${what}`);
}

function rotatedLately(agoMs: number): Rejection {
  const ago = Math.floor(agoMs / 1000);
  return reject(
    'TOO_SOON',
    `Keys were rotated ${ago === 1 ? '1 second' : `${ago} seconds`} ago. Each rotation drops the oldest key, and clients who have not come since it signed are strangers then; ` +
      `wait for ${rotationGapMs / 1000} seconds, or say force=true if that is meant.`,
  );
}

function causeOf(actor: string, reason: string): string {
  return `rotated by ${actor}${reason === '' ? '' : `: ${reason}`}`;
}
