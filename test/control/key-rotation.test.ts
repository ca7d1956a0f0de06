import { expect, test } from 'vitest';
import { KeyRotation, rotationGapMs } from '../../src/control/key-rotation.ts';
import { StoreError, type KeyRing, type PublishResult, type RotationOptions, type RotationReply } from '../../src/control/ports.ts';
import { MemoryKeyRing } from '../../src/store/memory-key-ring.ts';
import { Ear } from './probes-support.ts';
import { openBench, options as commandOptions, TestLog, type Bench } from './support.ts';
import { TestFleet } from './fleet.ts';

const options: RotationOptions = { actor: 'alice', reason: '', ifRevisions: undefined, timeoutMs: 1000, isForced: false };

/** Workers that take as long as the test wants for each publish, in order. */
class SlowFleet extends TestFleet {
  /** What was waited for, and for how long. */
  readonly waits: { readonly timeoutMs: number; readonly answer: (result: PublishResult) => void }[] = [];

  override async publish(snapshot: Parameters<TestFleet['publish']>[0], timeoutMs = 0): Promise<PublishResult> {
    void super.publish(snapshot);
    return new Promise((resolve) => this.waits.push({ timeoutMs, answer: resolve }));
  }
}

const everybody: PublishResult = { applied: [{ worker: 1, ms: 0.5 }], stragglers: [] };
const late: PublishResult = { applied: [], stragglers: [{ worker: 1, pid: 101 }] };

interface RotationBench<F extends TestFleet> extends Bench {
  readonly fleet: F;
  readonly ring: KeyRing;
  readonly ear: Ear;
  readonly log: TestLog;
  readonly rotation: KeyRotation;
  /** Lets time pass. */
  readonly pass: (ms: number) => void;
  /** The ids of the keys that the workers have been sent, by publish. */
  readonly sent: () => string[][];
}

async function openRotation<F extends TestFleet>(fleet: F, ring: KeyRing = new MemoryKeyRing()): Promise<RotationBench<F>> {
  const surroundings = { addresses: () => new Map(), signingKeys: () => ring.keys(), files: () => new Map(), ticketKey: () => '' };
  const bench = await openBench({ fleet, surroundings });
  const [ear, log] = [new Ear(), new TestLog()];
  let elapsedMs = 0;
  const rotation = new KeyRotation({ ring, controller: bench.controller, events: ear, log, elapsedMs: () => elapsedMs });
  return {
    ...bench,
    fleet,
    ring,
    ear,
    log,
    rotation,
    pass: (ms) => void (elapsedMs += ms),
    sent: () => fleet.published.map(({ signingKeys }) => signingKeys.map(({ id }) => id)),
  };
}

const codeOf = (reply: RotationReply) => (reply.kind === 'rejected' ? reply.code : reply.kind);
const messageOf = (reply: RotationReply) => (reply.kind === 'rejected' ? reply.message : reply.kind);

/** Lets everything happen that needs no answer of the workers. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
};

test('a new key signs when every worker has answered that it knows it, and not before', async () => {
  const { fleet, ring, rotation, sent, pass } = await openRotation(new SlowFleet());
  const [old] = ring.keys();
  const rotating = rotation.rotate(options);
  await turns();
  const added = ring.keys()[1]!;
  expect(sent()).toEqual([[old!.id, added.id]]);
  pass(200);
  fleet.waits[0]!.answer(everybody);
  await turns();
  expect(sent()).toEqual([
    [old!.id, added.id],
    [added.id, old!.id],
  ]);
  fleet.waits[1]!.answer(everybody);
  expect(await rotating).toEqual({ kind: 'rotated', key: added.id, keys: 2, file: undefined, ...everybody });
  // Both waits together take no longer than was asked for.
  expect(fleet.waits.map(({ timeoutMs }) => timeoutMs)).toEqual([500, 800]);
});

test('a worker that does not answer does not keep the key from signing, is named, and said so', async () => {
  const { fleet, ring, rotation, log } = await openRotation(new SlowFleet());
  const rotating = rotation.rotate(options);
  await turns();
  const { id } = ring.keys()[1]!;
  fleet.waits[0]!.answer(late);
  await turns();
  expect(ring.keys()[0]!.id).toBe(id);
  fleet.waits[1]!.answer(late);
  expect(await rotating).toMatchObject({ kind: 'rotated', stragglers: late.stragglers });
  expect(log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields)).toEqual([{ key: id, workers: [1] }]);
});

test('who rotated, why, and which key signs is logged and is an event; the secret is neither', async () => {
  const { ring, rotation, log, ear } = await openRotation(new TestFleet());
  const [old] = ring.keys();
  await rotation.rotate({ ...options, reason: 'quarterly' });
  const [key] = ring.keys();
  expect(log.lines).toEqual([
    {
      level: 'info',
      fields: { actor: 'alice', reason: 'quarterly', key: key!.id, keys: 2 },
      message: 'a new signing key verifies; it signs when the workers know it',
    },
  ]);
  expect(ear.notes).toEqual([
    { kind: 'keys', service: '', pool: '', target: '', from: old!.id, to: key!.id, cause: 'rotated by alice: quarterly' },
  ]);
  expect(JSON.stringify([log.lines, ear.notes])).not.toContain(key!.secret);
});

test('a second rotation within a minute is refused, unless it is meant', async () => {
  const { ring, rotation, pass } = await openRotation(new TestFleet());
  expect(codeOf(await rotation.rotate(options))).toBe('rotated');
  const keys = ring.keys();
  pass(rotationGapMs - 1);
  const refused = await rotation.rotate(options);
  expect([codeOf(refused), ring.keys()]).toEqual(['TOO_SOON', keys]);
  expect(messageOf(refused)).toBe(
    'Keys were rotated 59 seconds ago. Each rotation drops the oldest key, and clients who have not come since it signed are strangers then; ' +
      'wait for 60 seconds, or say force=true if that is meant.',
  );
  expect(codeOf(await rotation.rotate({ ...options, isForced: true }))).toBe('rotated');
  pass(rotationGapMs);
  expect(codeOf(await rotation.rotate(options))).toBe('rotated');
  expect(ring.keys()).toHaveLength(4);
});

test('two calls at the same time are one rotation; where both are meant, one waits for the other', async () => {
  const { fleet, ring, rotation } = await openRotation(new SlowFleet());
  const replies = [options, options, { ...options, isForced: true }].map((each) => rotation.rotate(each));
  for (let publish = 0; publish < 4; publish++) {
    await turns();
    expect(fleet.waits).toHaveLength(publish + 1);
    fleet.waits[publish]!.answer(everybody);
  }
  expect((await Promise.all(replies)).map(codeOf)).toEqual(['rotated', 'TOO_SOON', 'rotated']);
  expect(ring.keys()).toHaveLength(3);
});

test('a rotation that could not be saved is no rotation', async () => {
  const ring = new MemoryKeyRing();
  const bench = await openRotation(new TestFleet(), {
    keys: () => ring.keys(),
    file: undefined,
    announce: () => Promise.reject(new StoreError('The disk is full.')),
    promote: (id) => ring.promote(id),
  });
  await expect(bench.rotation.rotate(options)).rejects.toThrow('The disk is full.');
  // The next one is not told that it comes too soon.
  await expect(bench.rotation.rotate(options)).rejects.toThrow('The disk is full.');
  expect([bench.fleet.published, bench.ear.notes]).toEqual([[], []]);
});

test.each([
  { ifRevisions: [1], code: 'rotated' },
  { ifRevisions: [2, 1], code: 'rotated' },
  { ifRevisions: [2], code: 'STALE_REVISION' },
  { ifRevisions: [], code: 'STALE_REVISION' },
])('a rotation that is to be made if the revision is one of $ifRevisions is, at revision 1: $code', async ({ ifRevisions, code }) => {
  const { ring, rotation } = await openRotation(new TestFleet());
  expect(codeOf(await rotation.rotate({ ...options, ifRevisions }))).toBe(code);
  expect(ring.keys()).toHaveLength(code === 'rotated' ? 2 : 1);
});

test('while Sluice is stopping nothing is rotated', async () => {
  const { ring, rotation, controller } = await openRotation(new TestFleet());
  await controller.close();
  const reply = await rotation.rotate(options);
  expect([codeOf(reply), messageOf(reply)]).toEqual(['SHUTTING_DOWN', 'Sluice is stopping. Nothing has changed.']);
  expect(ring.keys()).toHaveLength(1);
});

test('a rotation that Sluice stops in the middle of says what has become of the key', async () => {
  const { fleet, ring, rotation, controller } = await openRotation(new SlowFleet());
  const [old] = ring.keys();
  const rotating = rotation.rotate(options);
  await turns();
  void controller.close();
  fleet.waits[0]!.answer(everybody);
  const reply = await rotating;
  expect([codeOf(reply), messageOf(reply)]).toEqual([
    'SHUTTING_DOWN',
    'Sluice is stopping. A new key was saved that verifies, but it does not sign yet: rotate again after the next start.',
  ]);
  expect(ring.keys()[0]).toBe(old);
});

test('a change that comes in between keeps the key in the step that it is in', async () => {
  const { fleet, ring, rotation, controller, sent } = await openRotation(new SlowFleet());
  const rotating = rotation.rotate(options);
  await turns();
  const change = { kind: 'weights', service: 'demo', weights: { blue: 50, green: 50 }, others: 'zero' } as const;
  void controller.execute(change, { ...commandOptions, wait: 'none' });
  await turns();
  expect(sent()[1]).toEqual(sent()[0]);
  fleet.waits[0]!.answer(everybody);
  await turns();
  expect([controller.current().number, sent()[2]![0]]).toEqual([2, ring.keys()[0]!.id]);
  fleet.waits[2]!.answer(everybody);
  expect(codeOf(await rotating)).toBe('rotated');
});
