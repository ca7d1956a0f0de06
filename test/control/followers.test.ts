import { describe, expect, test } from 'vitest';
import type { Command, Follower } from '../../src/control/ports.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { MemoryKeyRing } from '../../src/store/memory-key-ring.ts';
import { accepted, demoWith, openBench, options, rejected } from './support.ts';

const weights = (blue: number, green: number): Command => ({ kind: 'weights', service: 'demo', weights: { blue, green }, others: 'zero' });

/** A bench that notes, in order, what followers are told and what is published. */
async function openNotingBench(followers: (note: (line: string) => void) => readonly Follower[]) {
  const order: string[] = [];
  const bench = await openBench({ followers: followers((line) => order.push(line)) });
  const publish = bench.parts.fleet.publish.bind(bench.parts.fleet);
  bench.parts.fleet.publish = (snapshot) => {
    order.push(`published ${snapshot.revision}`);
    return publish(snapshot);
  };
  return { ...bench, order };
}

const follower = (name: string, note: (line: string) => void): Follower => ({
  follow: (model, { revision }) => note(`${name}: ${revision}, blue ${model.services[0]!.weights['blue']}`),
});

describe('followers', () => {
  test('are told of every revision in their order, before the workers, and of each once', async () => {
    const { controller, order } = await openNotingBench((note) => [follower('a', note), follower('b', note)]);
    await controller.republish(1000);
    await controller.republish(1000);
    await controller.execute(weights(90, 10), options);
    await controller.execute(weights(90, 10), options);
    await controller.execute(weights(80, 20), { ...options, wait: 'none' });
    expect(order.join('; ')).toBe(
      'a: 1, blue 100; b: 1, blue 100; published 1; published 1; ' +
        'a: 2, blue 90; b: 2, blue 90; published 2; published 2; ' +
        'a: 3, blue 80; b: 3, blue 80; published 3',
    );
  });

  test('are not told of a dry run, nor of what is refused', async () => {
    const { controller, order } = await openNotingBench((note) => [follower('a', note)]);
    await controller.execute(weights(90, 10), { ...options, dryRun: true });
    rejected(await controller.execute(weights(-1, 10), options));
    expect(order).toEqual([]);
  });

  test('that throw are logged, and hold up neither the others nor the workers', async () => {
    const broken: Follower = {
      follow() {
        throw new TypeError('a bug');
      },
    };
    const { controller, parts, order } = await openNotingBench((note) => [broken, follower('b', note)]);
    accepted(await controller.execute(weights(90, 10), options));
    expect(order).toEqual(['b: 2, blue 90', 'published 2']);
    expect(parts.log.lines.find(({ level }) => level === 'error')).toEqual({
      level: 'error',
      fields: { err: expect.any(TypeError), revision: 2 },
      message: 'a follower failed; the revision is published all the same',
    });
  });
});

describe('what surrounds a revision', () => {
  const named = demoWith({ pools: { blue: { targets: ['http://app.example:3001'] }, green: { targets: [] } } });

  async function openSurroundedBench() {
    const addresses = new Map<string, readonly string[]>([['app.example', ['10.0.0.1']]]);
    const ring = new MemoryKeyRing();
    const told: Snapshot[] = [];
    const surroundings = { addresses: () => addresses, signingKeys: () => ring.keys(), files: () => new Map(), ticketKey: () => '' };
    const bench = await openBench({ surroundings, followers: [{ follow: (_, snapshot) => told.push(snapshot) }] }, named);
    return { ...bench, addresses, ring, told };
  }

  const hosts = ({ services }: Snapshot): string[] => services[0]!.pools[0]!.targets.map(({ address }) => address.host);

  test('is in its snapshot from the start, and in that of every change as it is then', async () => {
    const { controller, addresses, ring } = await openSurroundedBench();
    expect(hosts(controller.snapshot())).toEqual(['10.0.0.1']);
    expect(controller.snapshot().signingKeys).toEqual(ring.keys());
    addresses.set('app.example', ['10.0.0.1', '10.0.0.2']);
    await controller.execute(weights(90, 10), options);
    expect(hosts(controller.snapshot())).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('is in the snapshot of a revision that is resumed', async () => {
    const { parts } = await openSurroundedBench();
    const { controller } = await openBench({ store: parts.store, surroundings: parts.surroundings }, 'none');
    expect(hosts(controller.snapshot())).toEqual(['10.0.0.1']);
  });

  test('is published anew by a refresh, under the same number, and followers hear of it', async () => {
    const { controller, parts, addresses, ring, told } = await openSurroundedBench();
    const before = controller.current();
    addresses.set('app.example', ['10.0.0.9']);
    await ring.promote(await ring.announce());
    const result = await controller.refresh(1000);
    expect(result.applied.map(({ worker }) => worker)).toEqual([1, 2]);
    expect(controller.current()).toBe(before);
    const published = parts.fleet.published.at(-1)!;
    expect(published).toBe(controller.snapshot());
    expect(published.revision).toBe(1);
    expect(hosts(published)).toEqual(['10.0.0.9']);
    expect(published.signingKeys).toEqual(ring.keys());
    expect(told).toEqual([published]);
  });

  test('is refreshed in turn with commands, and what was changed meanwhile stays', async () => {
    const { controller, parts, addresses } = await openSurroundedBench();
    const change = controller.execute(weights(90, 10), options);
    addresses.set('app.example', ['10.0.0.9']);
    const refresh = controller.refresh(1000);
    const next = controller.execute(weights(80, 20), options);
    await Promise.all([change, refresh, next]);
    expect(parts.fleet.published.map(({ revision }) => revision)).toEqual([2, 2, 3]);
    expect(controller.current().number).toBe(3);
  });

  test('is not refreshed any more by a controller that has closed', async () => {
    const { controller, parts } = await openSurroundedBench();
    await controller.close();
    expect(await controller.refresh(1000)).toEqual({ applied: [], stragglers: [] });
    expect(parts.fleet.published).toEqual([]);
  });

  test('is refreshed without waiting for workers that hold up others', async () => {
    const { controller, parts } = await openSurroundedBench();
    parts.fleet.hold();
    const refresh = controller.refresh(1000);
    accepted(await controller.execute(weights(90, 10), { ...options, wait: 'none' }));
    parts.fleet.release();
    expect((await refresh).stragglers).toEqual([]);
  });
});
