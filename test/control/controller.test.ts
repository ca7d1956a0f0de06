import { describe, expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { StoreError, type Command, type Reply } from '../../src/control/ports.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { accepted, demoDocument, demoWith, openBench, options, rejected, weightsOf } from './support.ts';

const weights = (blue: number, green: number): Command => ({ kind: 'weights', service: 'demo', weights: { blue, green }, others: 'zero' });
const switchTo = (to: string): Command => ({ kind: 'switch', service: 'demo', to });
const undo: Command = { kind: 'undo' };

const codeOf = (reply: Reply): string => (reply.kind === 'rejected' ? reply.code : `revision ${reply.revision}`);

/** A store that can be broken and mended. */
class BreakableStore extends MemoryStore {
  broken = false;
  override async commit(...parameters: Parameters<MemoryStore['commit']>): Promise<void> {
    this.#check();
    await super.commit(...parameters);
  }
  override async revision(number: number) {
    this.#check();
    return super.revision(number);
  }
  #check(): void {
    if (this.broken) throw new StoreError('The disk that holds /data/sluice.db is full.');
  }
}

test('a change is saved, then published, then answered', async () => {
  const order: string[] = [];
  class NotingStore extends MemoryStore {
    override async commit(...parameters: Parameters<MemoryStore['commit']>): Promise<void> {
      await super.commit(...parameters);
      order.push(`saved ${parameters[0].number}`);
    }
  }
  const { controller, parts } = await openBench({ store: new NotingStore() });
  const publish = parts.fleet.publish.bind(parts.fleet);
  parts.fleet.publish = async (snapshot) => {
    order.push(`published ${snapshot.revision}`);
    return publish(snapshot);
  };
  const reply = await controller.execute(weights(90, 10), { ...options, actor: 'ci', reason: 'canary' });
  order.push('answered');
  expect(order).toEqual(['saved 1', 'saved 2', 'published 2', 'answered']);
  expect(reply).toEqual({
    kind: 'accepted',
    revision: 2,
    previous: 1,
    dryRun: false,
    changed: true,
    changes: [
      { pointer: '/services/demo/weights/blue', before: 100, after: 90 },
      { pointer: '/services/demo/weights/green', before: 0, after: 10 },
    ],
    applied: [
      { worker: 1, ms: 0.5 },
      { worker: 2, ms: 0.5 },
    ],
    stragglers: [],
  });
  expect(await controller.revision(2)).toMatchObject({ actor: 'ci', action: 'weights', reason: 'canary', undoTo: 1, createdAtMs: 2000 });
  expect(await controller.journal(1)).toMatchObject([{ seq: 2, actor: 'ci', action: 'weights', reason: 'canary', revision: 2 }]);
  expect(parts.fleet.published.at(-1)?.services[0]?.pools.map((pool) => pool.weight)).toEqual([90, 10]);
});

test('a worker that does not acknowledge is named', async () => {
  const { controller, parts } = await openBench();
  parts.fleet.stuck.add(2);
  const reply = accepted(await controller.execute(switchTo('green'), options));
  expect(reply.applied.map(({ worker }) => worker)).toEqual([1]);
  expect(reply.stragglers).toEqual([{ worker: 2, pid: 102 }]);
  expect(controller.current().number).toBe(2);
});

test('a rollback does not wait behind a change that some worker has not acknowledged', async () => {
  const { controller, parts } = await openBench();
  parts.fleet.hold();
  let answered = false;
  const first = controller.execute(switchTo('green'), options).finally(() => (answered = true));
  const second = controller.execute(undo, { ...options, wait: 'none' });
  expect(accepted(await second).revision).toBe(3);
  expect(answered).toBe(false);
  expect(parts.fleet.published.map((snapshot) => snapshot.revision)).toEqual([2, 3]);
  parts.fleet.release();
  expect(accepted(await first).revision).toBe(2);
});

test('with wait=none the answer does not wait, but the workers are sent the change', async () => {
  const { controller, parts } = await openBench();
  parts.fleet.hold();
  expect(accepted(await controller.execute(switchTo('green'), { ...options, wait: 'none' }))).toMatchObject({
    applied: [],
    stragglers: [],
  });
  expect(parts.fleet.published).toHaveLength(1);
  parts.fleet.release();
});

test('a dry run says what would happen and does nothing', async () => {
  const { controller, parts } = await openBench();
  const before = controller.current();
  const reply = accepted(await controller.execute(weights(90, 10), { ...options, dryRun: true }));
  expect(reply).toMatchObject({ revision: 2, previous: 1, dryRun: true, changed: true, applied: [], stragglers: [] });
  expect(reply.changes).toHaveLength(2);
  const invalid = await controller.execute({ kind: 'patchService', service: 'demo', patch: { pools: null } }, { ...options, dryRun: true });
  expect(rejected(invalid).code).toBe('INVALID');
  expect(accepted(await controller.execute(weights(100, 0), { ...options, dryRun: true })).changed).toBe(false);
  expect(controller.current()).toBe(before);
  expect(parts.fleet.published).toEqual([]);
  expect(await controller.revisions(10)).toHaveLength(1);
});

test('a change that is none makes no revision, but is answered only when the workers have what is in force', async () => {
  const { controller, parts } = await openBench();
  parts.fleet.stuck.add(1);
  const reply = accepted(await controller.execute(weights(100, 0), options));
  expect(reply).toMatchObject({ revision: 1, previous: 1, changed: false, changes: [], stragglers: [{ worker: 1, pid: 101 }] });
  expect(parts.fleet.published.map((snapshot) => snapshot.revision)).toEqual([1]);
  expect(await controller.revisions(10)).toHaveLength(1);
});

describe('when the store refuses', () => {
  test('a change is refused, nothing changes, and the log has the cause', async () => {
    const store = new BreakableStore();
    const { controller, parts } = await openBench({ store });
    await controller.execute(weights(50, 50), options);
    const before = controller.current();
    store.broken = true;
    for (const command of [weights(90, 10), undo, { kind: 'restore', revision: 1 } as const]) {
      expect(rejected(await controller.execute(command, options))).toEqual({
        kind: 'rejected',
        code: 'STORE_UNAVAILABLE',
        message: 'Nothing has changed. The disk that holds /data/sluice.db is full.',
      });
    }
    expect(controller.current()).toBe(before);
    expect(parts.fleet.published).toHaveLength(1);
    expect(parts.log.lines.find((line) => line.level === 'error')).toEqual({
      level: 'error',
      fields: { err: expect.any(StoreError) },
      message: 'commit failed; the running configuration is unchanged',
    });
  });

  test('the next change works as soon as the store does', async () => {
    const store = new BreakableStore();
    const { controller } = await openBench({ store });
    store.broken = true;
    rejected(await controller.execute(weights(90, 10), options));
    store.broken = false;
    expect(accepted(await controller.execute(weights(80, 20), options)).revision).toBe(2);
  });
});

test('a bug while a change is saved is not reported as a store that is unavailable', async () => {
  class BuggyStore extends MemoryStore {
    buggy = false;
    override async commit(...parameters: Parameters<MemoryStore['commit']>): Promise<void> {
      if (this.buggy) throw new TypeError('a bug');
      await super.commit(...parameters);
    }
  }
  const store = new BuggyStore();
  const { controller, parts } = await openBench({ store });
  const before = controller.current();
  store.buggy = true;
  await expect(controller.execute(weights(90, 10), options)).rejects.toThrow(TypeError);
  expect(controller.current()).toBe(before);
  expect(parts.fleet.published).toEqual([]);
});

test('a bug in one command is thrown to its caller and does not stop the next', async () => {
  let explode = false;
  const { controller } = await openBench({
    interpret(document) {
      if (explode) throw new TypeError('a bug');
      return interpret(document);
    },
  });
  explode = true;
  await expect(controller.execute(weights(1, 2), options)).rejects.toThrow('a bug');
  explode = false;
  expect(accepted(await controller.execute(weights(1, 2), options)).revision).toBe(2);
});

test('a document that would be invalid is refused with every problem', async () => {
  const { controller, parts } = await openBench();
  const patch = { services: { demo: { pools: { blue: { targets: ['nonsense'], size: 3 } } } } };
  const reply = rejected(await controller.execute({ kind: 'patch', patch }, options));
  expect(reply.code).toBe('INVALID');
  expect(reply.message).toBe('The configuration would not be valid after the change; see the list of problems.');
  expect(reply.problems?.map((problem) => problem.pointer)).toEqual(
    expect.arrayContaining(['/services/demo/pools/blue/targets/0', '/services/demo/pools/blue/size']),
  );
  expect(parts.fleet.published).toEqual([]);
});

test('a service that a route still names cannot be deleted', async () => {
  const { controller } = await openBench();
  const reply = rejected(await controller.execute({ kind: 'deleteService', service: 'demo' }, options));
  expect(reply.code).toBe('INVALID');
});

test.each([
  { ifRevisions: [2], says: 'If-Match names revision 2, but revision 1 is in force; read it again and repeat the change.' },
  { ifRevisions: [7, 8], says: 'If-Match names revisions 7, 8, but revision 1 is in force; read it again and repeat the change.' },
  { ifRevisions: [], says: 'If-Match names no revision that can match, but revision 1 is in force; read it again and repeat the change.' },
])('at revision 1, a change on condition of $ifRevisions: $says', async ({ ifRevisions, says }) => {
  const { controller } = await openBench();
  const reply = await controller.execute(weights(1, 1), { ...options, ifRevisions });
  expect(rejected(reply)).toEqual({ kind: 'rejected', code: 'STALE_REVISION', message: says });
});

test.each([[[1]], [[9, 1]], [undefined]])('at revision 1, a change on condition of %j is made', async (ifRevisions) => {
  const { controller } = await openBench();
  expect(accepted(await controller.execute(weights(1, 1), { ...options, ifRevisions })).revision).toBe(2);
});

test('of two changes on the same condition exactly one wins, a hundred times', async () => {
  const { controller } = await openBench();
  for (let round = 1; round <= 100; round++) {
    const replies = await Promise.all([1, 2].map((n) => controller.execute(weights(round, n), { ...options, ifRevisions: [round] })));
    expect(replies.map((reply) => reply.kind).toSorted()).toEqual(['accepted', 'rejected']);
    expect(controller.current().number).toBe(round + 1);
  }
});

test('of a hundred changes on the same condition exactly one wins', async () => {
  const { controller } = await openBench();
  const attempts = Array.from({ length: 100 }, (_, n) => controller.execute(weights(n + 1, 1), { ...options, ifRevisions: [1] }));
  const replies = await Promise.all(attempts);
  const winner = replies.findIndex((reply) => reply.kind === 'accepted');
  expect(replies.filter((reply) => reply.kind === 'accepted')).toHaveLength(1);
  expect(weightsOf(controller)).toEqual({ blue: winner + 1, green: 1 });
});

describe('undo', () => {
  test('walks further back each time, as new revisions, to the very beginning', async () => {
    const { controller } = await openBench();
    for (const green of [1, 2, 3]) await controller.execute(weights(100, green), options);
    const seen: unknown[] = [];
    for (let step = 0; step < 4; step++) seen.push([codeOf(await controller.execute(undo, options)), weightsOf(controller)]);
    expect(seen).toEqual([
      ['revision 5', { blue: 100, green: 2 }],
      ['revision 6', { blue: 100, green: 1 }],
      ['revision 7', { blue: 100, green: 0 }],
      ['NOTHING_TO_UNDO', { blue: 100, green: 0 }],
    ]);
  });

  test('after a new change goes back to where that change was made', async () => {
    const { controller } = await openBench();
    await controller.execute(weights(50, 50), options);
    await controller.execute(undo, options);
    await controller.execute(weights(80, 20), options);
    await controller.execute(undo, options);
    expect(weightsOf(controller)).toEqual({ blue: 100, green: 0 });
    expect(rejected(await controller.execute(undo, options))).toEqual({
      kind: 'rejected',
      code: 'NOTHING_TO_UNDO',
      message: 'Nothing comes before revision 5; "restore" goes to a revision by its number.',
    });
  });

  test('of a restore goes back to what was before it', async () => {
    const { controller } = await openBench();
    await controller.execute(weights(50, 50), options);
    await controller.execute(weights(20, 80), options);
    await controller.execute({ kind: 'restore', revision: 1 }, options);
    await controller.execute(undo, options);
    expect(weightsOf(controller)).toEqual({ blue: 20, green: 80 });
  });

  test('passes over a revision that only noted a new config file', async () => {
    const { controller } = await openBench();
    await controller.execute(weights(50, 50), options);
    // Somebody writes into the file what is already in force.
    const file = demoWith({ weights: { blue: 50, green: 50 } });
    expect(accepted(await controller.applyFile(file, { ...options, actor: 'file' }))).toMatchObject({
      revision: 3,
      previous: 2,
      changed: false,
    });
    await controller.execute(undo, options);
    expect(weightsOf(controller)).toEqual({ blue: 100, green: 0 });
  });

  test('does not go to what is no longer kept', async () => {
    class ForgetfulStore extends MemoryStore {
      override async revision(number: number) {
        return number === 1 ? undefined : super.revision(number);
      }
    }
    const { controller } = await openBench({ store: new ForgetfulStore() });
    await controller.execute(weights(50, 50), options);
    expect(rejected(await controller.execute(undo, options)).message).toBe(
      'Revision 1, which comes before, is too old and no longer kept.',
    );
  });
});

describe('restore', () => {
  test('brings back a document to the byte', async () => {
    const { controller } = await openBench();
    await controller.execute(weights(50, 50), options);
    await controller.execute({ kind: 'patchService', service: 'demo', patch: { debugHeaders: true } }, options);
    const reply = accepted(await controller.execute({ kind: 'restore', revision: 1 }, options));
    expect(reply.revision).toBe(4);
    expect(JSON.stringify(controller.current().document)).toBe(JSON.stringify(demoDocument));
  });

  test.each([
    { revision: 9, says: 'There is no revision 9: the newest is 1.' },
    { revision: 0, says: 'There is no revision 0: it is too old and no longer kept.' },
  ])('of revision $revision is refused', async ({ revision, says }) => {
    const { controller } = await openBench();
    expect(rejected(await controller.execute({ kind: 'restore', revision }, options))).toEqual({
      kind: 'rejected',
      code: 'REVISION_NOT_FOUND',
      message: says,
    });
  });
});

test('a controller that closes finishes what it has begun and takes nothing new', async () => {
  const { controller } = await openBench();
  const running = controller.execute(weights(50, 50), options);
  const closing = controller.close();
  expect(rejected(await controller.execute(weights(1, 1), options))).toEqual({
    kind: 'rejected',
    code: 'SHUTTING_DOWN',
    message: 'Sluice is stopping; send the change again when it has been restarted.',
  });
  await closing;
  expect(accepted(await running).revision).toBe(2);
});
