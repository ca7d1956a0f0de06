import type { Problem } from '../src/core/errors.ts';
import { suggestName } from './nearest.ts';

/** A problem, and whether it is the key or the value that is wrong: an editor should jump there. */
export interface Finding extends Problem {
  readonly at: 'key' | 'value';
}

/** What reads a list of problems any further is not a person; a document of 4 MiB could have a million of them. */
export const problemsMax = 1000;

/** To find what was meant, a wrong name is compared with every right one: a thousand times a thousand names would be seconds of work. */
const hintsMax = 20;

/** Collects what is wrong with a document: the first thousand problems, and how many more there are. */
export class Findings {
  readonly #listed: Finding[] = [];
  #unlisted = 0;
  #hintsLeft = hintsMax;

  add(pointer: string, message: string, at: Finding['at'] = 'value'): void {
    if (this.#listed.length < problemsMax) this.#listed.push({ pointer, message, at });
    else this.#unlisted++;
  }

  get isEmpty(): boolean {
    return this.#listed.length === 0;
  }

  /** Like `suggestName`, for the first wrong names of a document; '' for all further ones. */
  suggest(word: string, candidates: readonly string[]): string {
    return this.hint(() => suggestName(word, candidates));
  }

  /** What `find` says, for the first wrong names of a document; '' for all further ones, without asking. */
  hint(find: () => string): string {
    return this.#hintsLeft-- > 0 ? find() : '';
  }

  listed(): readonly Finding[] {
    return this.#listed;
  }

  /** Closes the list where it does not hold all: `and 234 more problems`. Undefined where it does. */
  more(): string | undefined {
    if (this.#unlisted === 0) return undefined;
    return `and ${this.#unlisted} more ${this.#unlisted === 1 ? 'problem' : 'problems'}`;
  }
}
