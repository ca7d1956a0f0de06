import type { Happening } from '../../src/control/ports.ts';
import { type Conditions, noConditions } from '../../src/core/conditions.ts';
import type { HealthCheck, Model, Pool, SocketAddress, Target } from '../../src/core/model.ts';
import { aHealthCheck, aPool as plainPool, aService, aTarget as plainTarget } from '../support/model.ts';

/** Answers come at once on loopback, so only targets that are to be late are given little time. */
export const check = aHealthCheck({ intervalMs: 20, timeoutMs: 20_000 });

export function aTarget(id: string, address: SocketAddress, settings: Partial<Target> = {}): Target {
  return plainTarget(id, { address, ...settings });
}

export function aPool(id: string, targets: readonly Target[], health: HealthCheck | undefined = check): Pool {
  return plainPool(id, { targets, health });
}

/** A service `shop` with these pools, and nothing else. */
export function aModel(...pools: Pool[]): Model {
  return { listeners: [], services: [aService('shop', { pools })], routes: [] };
}

/** The fleet and the events as probes see them: keeps what it is told, and wakes whoever waits for it. */
export class Ear {
  readonly informs: Conditions[] = [];
  readonly notes: Happening[] = [];
  readonly #before: Conditions;
  readonly #waiting = new Set<() => void>();

  constructor(before: Conditions = noConditions) {
    this.#before = before;
  }

  conditions(): Conditions {
    return this.informs.at(-1) ?? this.#before;
  }

  inform(conditions: Conditions): void {
    this.informs.push(conditions);
    this.wake();
  }

  note(happening: Happening): void {
    this.notes.push(happening);
    this.wake();
  }

  wake(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves as soon as `find` finds something; looked at whenever something was told. */
  until<T>(find: () => T | undefined | false): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = find();
        if (found === undefined || found === false) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Resolves with the first event about this target that went to `to`. */
  noted(target: string, to: string): Promise<Happening> {
    return this.until(() => this.notes.find((note) => note.target === target && note.to === to));
  }

  /** What is told of a target: in a few words, `good` where it is not named. */
  toldOf(target: string): string {
    const told = this.conditions().targets.find((condition) => condition.target === target);
    return told === undefined ? 'good' : `${told.health} ${told.factor} ${told.told}`;
  }
}

/** A certificate of `probes.test` that vouches for itself, and its key, which keeps no secret. Valid from 2020 to 2099. */
export const certificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5n8cVi40Wfy1+MzL
POFauYSst3aiXN8q4fIdqCn1QQihRANCAAQSKInLrGMFiWNeeFyG6hajeBAf3ZMy
rTiWs2kRkNBjri8kM0kmzublgWKAenXTOtG8mO/AP6c2wnM79oco3uyz
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBVjCB/KADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC3Byb2Jlcy50
ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMDAwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
DAtwcm9iZXMudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBIoicusYwWJ
Y154XIbqFqN4EB/dkzKtOJazaRGQ0GOuLyQzSSbO5uWBYoB6ddM60byY78A/pzbC
czv2hyje7LOjOTA3MBYGA1UdEQQPMA2CC3Byb2Jlcy50ZXN0MB0GA1UdDgQWBBTk
gmQJvfWkaChygJonwo4nXYqr6jAKBggqhkjOPQQDAgNJADBGAiEAm2DkxviMiPEp
jQFP0ERuhKku2e3Tfszg2XwZ3iO62y8CIQD3zTMmuwAbpT60O8H/hLsJR1OCc2ke
xgREzG30j0i/5g==
-----END CERTIFICATE-----
`,
};
