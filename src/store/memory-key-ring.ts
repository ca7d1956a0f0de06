import type { KeyRing } from '../control/ports.ts';
import type { SigningKey } from '../core/snapshot.ts';
import { withNewKey } from './signing-keys.ts';

/** Keys that are forgotten with the process, and cookies with them: for tests, and for embedding where nothing must touch a disk. */
export class MemoryKeyRing implements KeyRing {
  #keys: readonly SigningKey[];

  /** @param keys the first signs; without any, one is made */
  constructor(keys: readonly SigningKey[] = []) {
    this.#keys = keys.length === 0 ? withNewKey([]) : keys;
  }

  keys(): readonly SigningKey[] {
    return this.#keys;
  }

  async rotate(): Promise<void> {
    this.#keys = withNewKey(this.#keys);
  }
}
