/**
 * A bounded memory of what was worked out before: what has not been asked for lately is forgotten. Two generations take the place of a
 * list by age, so that a look-up costs a look-up: what is asked for moves to the younger one, and when that is half of the whole, the older
 * one goes.
 */
export class Recent<T> {
  readonly #half: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  /** @param max entries, at least 2 */
  constructor(max: number) {
    this.#half = Math.floor(max / 2);
  }

  get(key: string): T | undefined {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const older = this.#old.get(key);
    if (older === undefined) return undefined;
    this.set(key, older);
    return older;
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
