import type { KeyRing } from '../control/ports.ts';
import type { SigningKey } from '../core/snapshot.ts';
import { announceKey, firstKeys, promoteKey } from './signing-keys.ts';

/** Keys that are forgotten with the process, and cookies with them: for tests, and for embedding where nothing must touch a disk. */
export class MemoryKeyRing implements KeyRing {
  readonly file = undefined;
  #keys: readonly SigningKey[];

  /** @param keys the first signs; without any, one is made */
  constructor(keys: readonly SigningKey[] = []) {
    this.#keys = keys.length === 0 ? firstKeys() : keys;
  }

  keys(): readonly SigningKey[] {
    return this.#keys;
  }

  async announce(): Promise<string> {
    const { keys, id } = announceKey(this.#keys);
    this.#keys = keys;
    return id;
  }

  async promote(id: string): Promise<void> {
    this.#keys = promoteKey(this.#keys, id);
  }
}
