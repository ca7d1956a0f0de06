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
  /**
   * Reads files, and says what is wrong with them. With `texts`, in the order of the paths, these are judged in place of what the disk has
   * now. Never rejects, and takes a few seconds at most: changes wait for it.
   */
  readonly read: (named: NamedFiles, texts?: readonly string[]) => Promise<FileReading>;
  /** Another text where the files may hold something else. Never rejects, and takes a few seconds at most. */
  readonly print: (named: NamedFiles) => Promise<string>;
  /** What the control process before this one had in force: workers serve by it. */
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
  /** The same as the document names them, in its order. */
  #named: readonly NamedFiles[] = [];
  #looking: Promise<void> | undefined;

  constructor(parts: NamedTextsParts) {
    this.#parts = parts;
  }

  /** Those of {@link admit} as well. */
  texts(): FileTexts {
    return textsOf([...this.#kept.values()].map(({ reading }) => reading));
  }

  /**
   * Reads what a document names and the one in force does not, and returns what is wrong with it. What is in force already is left alone: a file
   * that has been spoilt since must not stand in the way of moving traffic. Nor must one that has gone where somebody goes back: then what is
   * wrong is logged once it is in force, and what needs the file does without.
   */
  async admit(document: JsonObject, model: Model, goesBack: boolean): Promise<readonly Problem[]> {
    const fresh = namedFiles(document, model).filter((named) => !this.#inForce.has(identityOf(named)));
    if (fresh.length === 0) return [];
    const found = new Map(await Promise.all(fresh.map(async (named) => [identityOf(named), await this.#find(named)] as const)));
    const nowMs = this.#parts.clock.nowMs();
    const problems = fresh.flatMap((named) => problemsWith(found.get(identityOf(named))!.reading, named, nowMs));
    if (problems.length > 0 && !goesBack) return problems;
    for (const [identity, kept] of found) this.#kept.set(identity, { ...kept, refused: messagesOf(kept.reading.problems) });
    return [];
  }

  /**
   * Reads what a document names that was in force before this process began: whatever is wrong is logged, and holds nobody up. Where workers
   * have something better, that stays in force, as if nobody had been away.
   * @param next what is about to replace it: what that does not name is of no interest
   */
  async resume(document: JsonObject, model: Model, next: Model = model): Promise<void> {
    const { log, clock } = this.#parts;
    const wanted = new Set(namedFiles({}, next).map(identityOf));
    const all = namedFiles(document, model).filter((named) => wanted.has(identityOf(named)));
    for (const kept of await Promise.all(all.map((named) => this.#findAgain(named)))) {
      this.#kept.set(identityOf(kept.named), kept);
      const { problems } = kept.reading;
      kept.refused ||= messagesOf(problems);
      for (const { pointer, message } of problems) {
        log.error({ pointer, reason: message }, 'a file in force cannot be used; Sluice goes on without it');
      }
      const late = untimely(kept.reading, clock.nowMs());
      if (late === undefined) continue;
      log.error({ pointer: late.pointer, reason: late.message }, 'a certificate in force is not valid now; it is used all the same');
    }
    this.#putInForce(all);
  }

  follow(model: Model): void {
    const before = this.#inForce;
    this.#putInForce(namedFiles({}, model));
    for (const identity of this.#inForce) if (!before.has(identity)) this.#tellOfRefused(this.#kept.get(identity));
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
    const each = [...this.#kept].flatMap(([identity, { reading, refused, named }]) => {
      if (!this.#inForce.has(identity)) return [];
      const late = untimely(reading, nowMs)?.message;
      const soon = expiresSoon(reading, nowMs);
      return [
        ...(refused === '' ? [] : [`What stands in ${pathsOf(named).join(', ')} now is not used: ${refused}.`]),
        ...(late === undefined ? [] : [`${late.charAt(0).toUpperCase()}${late.slice(1)}.`]),
        ...(soon === undefined ? [] : [soon]),
        ...reading.warnings,
      ];
    });
    return [...each, ...sharedNames(this.#named.flatMap((named) => this.#readingOf(named)))];
  }

  #putInForce(named: readonly NamedFiles[]): void {
    this.#named = named;
    this.#inForce = new Set(named.map(identityOf));
  }

  /** Of files that have come into force by a way back, although they cannot be used. */
  #tellOfRefused(kept: Kept | undefined): void {
    if (kept === undefined || kept.refused === '') return;
    const files = pathsOf(kept.named).join(', ');
    this.#parts.log.error(
      { files, reason: kept.refused },
      'files of the revision gone back to cannot be used; what needs them does without',
    );
    this.#note('none', 'refused', kept.refused);
  }

  /** Every refusal has a line in the log of its own, at level error. */
  #note(from: string, to: string, cause: string): void {
    this.#parts.events.note({
      kind: 'certificates',
      service: '',
      pool: '',
      target: '',
      from,
      to,
      cause,
      ...(to === 'refused' && { isLogged: true }),
    });
  }

  async #lookAtAll(): Promise<void> {
    // All at once, so that files that give no answer do not add up.
    const changed = await Promise.all([...this.#kept].map(([identity, kept]) => this.#lookAt(identity, kept)));
    if (changed.includes(true)) this.#parts.onChange();
  }

  async #lookAt(identity: string, kept: Kept): Promise<boolean> {
    const { read, print } = this.#parts;
    if (!this.#inForce.has(identity)) return false;
    // First this: where a file changes while it is read, the next look finds another print, and reads it again.
    const now = await print(kept.named);
    if (now === kept.print) return false;
    const found = await read(kept.named);
    kept.print = now;
    // Meanwhile a change may have let go of it.
    return this.#kept.get(identity) === kept && this.#take(kept, found);
  }

  /** Takes what was found in place of what is used, where that is no worse. Returns whether it is another. */
  #take(kept: Kept, found: FileReading): boolean {
    const { clock, log } = this.#parts;
    const nowMs = clock.nowMs();
    const before = kept.reading;
    // Where the old one is over as well there is nothing to lose.
    const late = untimely(before, nowMs) === undefined && before.problems.length === 0 ? untimely(found, nowMs) : undefined;
    const refused = messagesOf([...found.problems, ...(late === undefined ? [] : [late])]);
    const files = pathsOf(kept.named).join(', ');
    const [from, to] = [describe(before), describe(found)];
    if (refused !== '') {
      if (refused !== kept.refused) {
        log.error({ files, reason: refused }, 'files have changed and cannot be used; what was read before stays in force');
        this.#note(from, 'refused', refused);
      }
      kept.refused = refused;
      return false;
    }
    kept.refused = '';
    if (sameTexts(before, found)) return false;
    kept.reading = found;
    this.#note(from, to, `${files} changed`);
    return true;
  }

  #readingOf(named: NamedFiles): FileReading[] {
    const kept = this.#kept.get(identityOf(named));
    return kept === undefined ? [] : [{ ...kept.reading, named }];
  }

  async #findAgain(named: NamedFiles): Promise<Kept> {
    const found = await this.#find(named);
    const texts = this.#parts.before.get(identityOf(named));
    const reading = texts && (await this.#parts.read(named, texts));
    if (reading === undefined || reading.problems.length > 0) return found;
    const kept = { ...found, reading };
    this.#take(kept, found.reading);
    return kept;
  }

  async #find(named: NamedFiles): Promise<Kept> {
    const print = await this.#parts.print(named);
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

function messagesOf(problems: readonly Problem[]): string {
  return problems.map(({ message }) => message).join('; ');
}
