import { array, assert, asyncProperty, boolean, constant, constantFrom, nat, oneof, option, record } from 'fast-check';
import { expect, test } from 'vitest';
import type { Command, CommandOptions } from '../../src/control/ports.ts';
import { demoWith, openBench, options, weightsOf } from './support.ts';

type Weights = Readonly<Record<string, number>>;

/** Sluice's control plane as one would write it on a napkin: a list of everything that has been in force. */
class Napkin {
  readonly revisions: { readonly weights: Weights; readonly undoTo: number | undefined }[] = [];

  constructor(weights: Weights) {
    this.revisions.push({ weights, undoTo: undefined });
  }

  get weights(): Weights {
    return this.revisions.at(-1)!.weights;
  }

  execute(command: Command, { ifRevisions, dryRun }: CommandOptions): void {
    if (ifRevisions?.includes(this.revisions.length) === false || dryRun) return;
    if (command.kind === 'undo') return this.undo();
    const next = this.after(command);
    if (next !== undefined) this.change(next, this.revisions.length);
  }

  private after(command: Command): Weights | undefined {
    const now = this.weights;
    if (command.kind === 'restore') return this.revisions[command.revision - 1]?.weights;
    if (command.kind === 'switch') {
      const total = Object.values(now).reduce((sum, weight) => sum + weight, 0) || 100;
      return command.to in now ? { blue: 0, green: 0, canary: 0, [command.to]: total } : undefined;
    }
    if (command.kind === 'weights') {
      const named = Object.entries(command.weights);
      if (named.length === 0 || named.some(([pool, weight]) => !(pool in now) || Number(weight) < 0)) return undefined;
      const base = command.others === 'zero' ? { blue: 0, green: 0, canary: 0 } : now;
      return { ...base, ...Object.fromEntries(named.map(([pool, weight]) => [pool, Number(weight)])) };
    }
    throw new Error(command.kind);
  }

  private undo(): void {
    for (let at = this.revisions.at(-1)!.undoTo; at !== undefined; at = this.revisions[at - 1]!.undoTo) {
      const earlier = this.revisions[at - 1]!;
      if (JSON.stringify(earlier.weights) !== JSON.stringify(this.weights)) return this.change(earlier.weights, earlier.undoTo);
    }
  }

  private change(weights: Weights, undoTo: number | undefined): void {
    if (JSON.stringify(weights) !== JSON.stringify(this.weights)) this.revisions.push({ weights, undoTo });
  }
}

const pool = constantFrom('blue', 'green', 'canary', 'missing');
const someWeights = record({ blue: nat(3), green: nat(3), canary: nat(3), missing: nat(3) }, { requiredKeys: [] });
const command = oneof(
  record({ kind: constant('weights' as const), service: constant('demo'), weights: someWeights, others: constantFrom('zero', 'keep') }),
  record({ kind: constant('switch' as const), service: constant('demo'), to: pool }),
  record({ kind: constant('restore' as const), revision: nat(12) }),
  constant({ kind: 'undo' as const }),
);
const circumstances = record({ ifRevisions: option(array(nat(8)), { nil: undefined, freq: 4 }), dryRun: boolean() });

test('what is in force, and the whole history, are always what the accepted commands make of the first document', async () => {
  await assert(
    asyncProperty(array(record({ command, circumstances }), { maxLength: 30 }), async (calls) => {
      const first = { blue: 100, green: 0, canary: 0 };
      const pools = { blue: { targets: [] }, green: { targets: [] }, canary: { targets: [] } };
      const { controller, parts } = await openBench({}, demoWith({ pools, weights: first }));
      const napkin = new Napkin(first);
      for (const call of calls) {
        const how = { ...options, ...call.circumstances };
        await controller.execute(call.command, how);
        napkin.execute(call.command, how);
        expect(weightsOf(controller)).toEqual(napkin.weights);
        expect(controller.current()).toMatchObject({ number: napkin.revisions.length, undoTo: napkin.revisions.at(-1)!.undoTo });
      }
      const history = await controller.revisions(100);
      expect(history.toReversed().map((revision) => revision.undoTo)).toEqual(napkin.revisions.map((revision) => revision.undoTo));
      const published = parts.fleet.published.at(-1);
      expect(published?.revision ?? 1).toBe(napkin.revisions.length);
    }),
    { numRuns: 300 },
  );
});

test('commands that arrive together are carried out one after the other, in their order', async () => {
  await assert(
    asyncProperty(array(command, { maxLength: 20 }), async (commands) => {
      const pools = { blue: { targets: [] }, green: { targets: [] }, canary: { targets: [] } };
      const file = demoWith({ pools, weights: { blue: 100, green: 0, canary: 0 } });
      const together = await openBench({}, file);
      const apart = await openBench({}, file);
      const replies = await Promise.all(commands.map((one) => together.controller.execute(one, options)));
      const expected = [];
      for (const one of commands) expected.push(await apart.controller.execute(one, options));
      expect(replies).toEqual(expected);
      expect(together.controller.current()).toEqual(apart.controller.current());
      expect(together.parts.fleet.published).toEqual(apart.parts.fleet.published);
    }),
    { numRuns: 100 },
  );
});
