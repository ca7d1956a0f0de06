import { stat } from 'node:fs/promises';
import type { Problem } from '../../core/errors.ts';
import { expiresSoon, type FileReading, sameTexts, sharedNames, textsOf, untimely } from '../../core/file-reading.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Model } from '../../core/model.ts';
import { identityOf, type NamedFiles, namedFiles, pathsOf } from '../../core/named-files.ts';
import type { FileTexts } from '../../core/snapshot.ts';
import type { Clock, Events, Follower, Log } from '../ports.ts';

/** How often the files are looked at: whoever has renewed a certificate wants to see it served within seconds. Milliseconds. */
export const lookEveryMs = 3000;

export interface NamedTextsParts {
  /** Reads files, and says what is wrong with them. With `texts`, these are judged in place of what the disk has now. Never rejects. */
  readonly read: (named: NamedFiles, texts?: FileTexts) => Promise<FileReading>;
  /** What the control process before this one had in force, by path: workers serve by it. */
  readonly before: FileTexts;
  readonly events: Events;
  readonly log: Pick<Log, 'error'>;
  readonly clock: Clock;
  /** Something else than before is in the files that are in force. */
  readonly onChange: () => void;
}

/** Files as they were last found. */
interface Kept {
  readonly named: NamedFiles;
  /** What is used: the last that could be. With problems where none could be so far. */
  reading: FileReading;
  /** What the file system says of them, as of when they were last read. */
  print: string;
  /** Why what they hold now is not used. '' = it is. */
  refused: string;
}

/**
 * What stands in the files that a model names. New ones are read with the change that names them, which is refused where something is wrong
 * with them; from then on they are looked at every few seconds. New contents that cannot be used, or that are written only by half,
 * leave the old ones in force.
 */
export class NamedTexts implements Follower {
  readonly #parts: NamedTextsParts;
  /** By identity: those in force, and those that a change has just named. */
  readonly #kept = new Map<string, Kept>();
  #inForce: ReadonlySet<string> = new Set();
  #looking: Promise<void> | undefined;

  constructor(parts: NamedTextsParts) {
    this.#parts = parts;
  }

  /** By path; those of {@link admit} as well. What is in force keeps its own, whatever a change that came to nothing has read. */
  texts(): FileTexts {
    const [named, used] = [new Set<FileReading>(), new Set<FileReading>()];
    for (const [identity, { reading }] of this.#kept) (this.#inForce.has(identity) ? used : named).add(reading);
    return new Map([...textsOf(named), ...textsOf(used)]);
  }

  /**
   * Reads what a document names and the one in force does not, and returns what is wrong with it. What is in force already is left alone: a file
   * that has been spoilt since must not stand in the way of moving traffic.
   */
  async admit(document: JsonObject, model: Model): Promise<readonly Problem[]> {
    const all = namedFiles(document, model);
    const fresh = all.filter((named) => !this.#inForce.has(identityOf(named)));
    if (fresh.length === 0) return [];
    const found = new Map(await Promise.all(fresh.map(async (named) => [identityOf(named), await this.#find(named)] as const)));
    const nowMs = this.#parts.clock.nowMs();
    const problems = fresh.flatMap((named) => problemsWith(found.get(identityOf(named))!.reading, named, nowMs));
    const owners = new Set(fresh.map(({ owner }) => owner));
    const beside = all.filter(({ owner }) => owners.has(owner)).map((named) => ({ ...this.#readingOf(named, found), named }));
    problems.push(...sharedNames(beside));
    if (problems.length > 0) return problems;
    for (const [identity, kept] of found) this.#kept.set(identity, kept);
    return [];
  }

  /**
   * Reads what a document names that was in force before this process began: whatever is wrong is logged, and holds nobody up. Where workers
   * have something better, that stays in force, as if nobody had been away.
   */
  async resume(document: JsonObject, model: Model): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const all = namedFiles(document, model);
    for (const kept of await Promise.all(all.map((named) => this.#findAgain(named)))) {
      this.#kept.set(identityOf(kept.named), kept);
      const problems = problemsWith(kept.reading, kept.named, nowMs);
      kept.refused ||= kept.reading.problems.map(({ message }) => message).join('; ');
      for (const { pointer, message } of problems) {
        this.#parts.log.error({ pointer, reason: message }, 'a certificate in force is no good; Sluice goes on without a good one');
      }
    }
    this.#inForce = new Set(all.map(identityOf));
  }

  follow(model: Model): void {
    this.#inForce = new Set(namedFiles({}, model).map(identityOf));
    for (const identity of this.#kept.keys()) if (!this.#inForce.has(identity)) this.#kept.delete(identity);
  }

  /** Reads again what has changed. One at a time; never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** What an operator should see to: certificates that are over or will be soon, and files whose contents are not used. Sentences. */
  warnings(): string[] {
    const nowMs = this.#parts.clock.nowMs();
    return [...this.#kept].flatMap(([identity, { reading, refused, named }]) => {
      if (!this.#inForce.has(identity)) return [];
      const late = untimely(reading, nowMs)?.message;
      const soon = expiresSoon(reading, nowMs);
      return [
        ...(refused === '' ? [] : [`What stands in ${pathsOf(named).join(', ')} now is not used: ${refused}.`]),
        ...(late === undefined ? [] : [`${late.charAt(0).toUpperCase()}${late.slice(1)}.`]),
        ...(soon === undefined ? [] : [soon]),
      ];
    });
  }

  async #lookAtAll(): Promise<void> {
    let isChanged = false;
    for (const [identity, kept] of this.#kept) {
      if (!this.#inForce.has(identity) || (await printOf(kept.named)) === kept.print) continue;
      const found = await this.#find(kept.named);
      kept.print = found.print;
      // Meanwhile a change may have let go of it.
      if (this.#kept.get(identity) === kept && this.#take(kept, found.reading)) isChanged = true;
    }
    if (isChanged) this.#parts.onChange();
  }

  /** Takes what was found in place of what is used, where that is no worse. Returns whether it is another. */
  #take(kept: Kept, found: FileReading): boolean {
    const { clock, log, events } = this.#parts;
    const nowMs = clock.nowMs();
    const before = kept.reading;
    // Where the old one is over as well there is nothing to lose.
    const late = untimely(before, nowMs) === undefined && before.problems.length === 0 ? untimely(found, nowMs) : undefined;
    const refused = [...found.problems, ...(late === undefined ? [] : [late])].map(({ message }) => message).join('; ');
    const files = pathsOf(kept.named).join(', ');
    const [from, to] = [describe(before), describe(found)];
    const about = { kind: 'certificates', service: '', pool: '', target: '' } as const;
    if (refused !== '') {
      if (refused !== kept.refused) {
        log.error({ files, reason: refused }, 'files have changed and cannot be used; what was read before stays in force');
        events.note({ ...about, from, to: 'refused', cause: refused });
      }
      kept.refused = refused;
      return false;
    }
    kept.refused = '';
    if (sameTexts(before, found)) return false;
    kept.reading = found;
    events.note({ ...about, from, to, cause: `${files} changed` });
    return true;
  }

  #readingOf(named: NamedFiles, found: ReadonlyMap<string, Kept>): FileReading {
    const identity = identityOf(named);
    return (found.get(identity) ?? this.#kept.get(identity)!).reading;
  }

  async #findAgain(named: NamedFiles): Promise<Kept> {
    const found = await this.#find(named);
    const reading = await this.#parts.read(named, this.#parts.before);
    if (reading.problems.length > 0) return found;
    const kept = { ...found, reading };
    this.#take(kept, found.reading);
    return kept;
  }

  async #find(named: NamedFiles): Promise<Kept> {
    // First this: where a file changes while it is read, the next look finds another print, and reads it again.
    const print = await printOf(named);
    return { named, reading: await this.#parts.read(named), print, refused: '' };
  }
}

/** At the places where `named` names them: two may name the same files. */
function problemsWith(reading: FileReading, named: NamedFiles, nowMs: number): Problem[] {
  const late = untimely({ ...reading, named }, nowMs);
  return late === undefined ? [...reading.problems] : [...reading.problems, late];
}

/** For the list of events. */
function describe({ facts, problems }: FileReading): string {
  if (problems.length > 0) return 'unusable';
  return facts === undefined ? 'authorities' : `valid until ${facts.lastDay}`;
}

/** Another one for other contents, and for a symbolic link that points elsewhere. Never rejects. */
async function printOf(named: NamedFiles): Promise<string> {
  const prints = pathsOf(named).map(async (path) => {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    } catch {
      return 'none';
    }
  });
  return (await Promise.all(prints)).join(', ');
}
