import { lookup } from 'node:dns/promises';
import { describe, expect, test, type TestContext } from 'vitest';
import { type NameResolver } from '../../src/control/names/ask.ts';
import { askAgainMs, retryMs } from '../../src/control/names/pace.ts';
import { systemResolver } from '../../src/control/names/system-resolver.ts';
import { Names } from '../../src/control/names.ts';
import { bareSurroundings, compileSnapshot } from '../../src/core/snapshot.ts';
import { settle } from '../support/raw-client.ts';
import { type DnsServer, startDns } from './dns-server.ts';
import { aModel, aPool, aTarget, Ear } from './probes-support.ts';
import { TestLog } from './support.ts';

interface Bench {
  readonly dns: DnsServer;
  readonly names: Names;
  readonly ear: Ear;
  readonly log: TestLog;
  /** How often a new snapshot was asked for. */
  readonly changes: () => number;
  /** Targets with these hosts, called t0, t1 … */
  readonly follow: (...hosts: string[]) => void;
}

type Table = Readonly<Record<string, readonly string[]>>;

interface Machine {
  /** What its hosts file says. May change. */
  readonly pinned?: Table;
  /** What the control process before this one had found. */
  readonly before?: Table;
}

/** Names that are asked for at a name server of our own; what it does not know is looked up in `others`. */
async function openBench(t: TestContext, others: Table = {}, { pinned = {}, before = {} }: Machine = {}): Promise<Bench> {
  const dns = await startDns(t);
  const [ear, log] = [new Ear(), new TestLog()];
  let changes = 0;
  const resolver: NameResolver = {
    ...systemResolver([dns.address]),
    hosts: (name) => pinned[name] ?? [],
    lookup: async (name) => others[name] ?? Promise.reject(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' })),
  };
  const onChange = (): void => {
    changes++;
    ear.wake();
  };
  const names = new Names({ resolver, before: new Map(Object.entries(before)), events: ear, log, random: () => 0, onChange });
  t.onTestFinished(() => names.close());
  const follow = (...list: string[]): void => {
    const model = aModel(
      aPool(
        'blue',
        list.map((host, index) => aTarget(`t${index}`, { host, port: 3000 })),
      ),
    );
    names.follow(model, compileSnapshot(model, 1));
  };
  return { dns, names, ear, log, changes: () => changes, follow };
}

const app = 'app.internal';

describe.concurrent('a name of a target', () => {
  test('is all its addresses, sorted, IPv4 first', async (t) => {
    const { dns, names, follow, changes } = await openBench(t);
    dns.zones.set(app, { addresses: ['fd00::2', '10.0.0.2', 'fd00::1', '10.0.0.1'], ttl: 60 });
    follow(app, '10.9.9.9', '::1', app);
    await names.settle(10_000);
    expect([...names.addresses()]).toEqual([[app, ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2']]]);
    expect(changes()).toBe(1);
  });

  test('makes targets of them', async (t) => {
    const { dns, names, follow } = await openBench(t);
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 60 });
    follow(app);
    await names.settle(10_000);
    const model = aModel(aPool('blue', [aTarget('a', { host: app, port: 3000 })]));
    const snapshot = compileSnapshot(model, 1, { ...bareSurroundings, addresses: names.addresses() });
    expect(snapshot.services[0]!.pools[0]!.targets).toMatchObject([{ id: 'a@10.0.0.1', address: { host: '10.0.0.1', port: 3000 } }]);
  });

  test('has no more than 64 of them', async (t) => {
    const { dns, names, follow } = await openBench(t);
    const addresses = Array.from({ length: 70 }, (_, index) => `10.0.0.${100 + index}`);
    dns.zones.set(app, { addresses: addresses.toReversed(), ttl: 60 });
    follow(app);
    await names.settle(10_000);
    expect(names.addresses().get(app)).toEqual(addresses.slice(0, 64));
  });

  test('is asked for again when its answer has grown old, and a change is told once', async (t) => {
    const { dns, names, follow, ear, changes } = await openBench(t);
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 1 });
    follow(app);
    await names.settle(10_000);
    dns.zones.set(app, { addresses: ['10.0.0.2', '10.0.0.1'], ttl: 1 });
    const note = await ear.until(() => ear.notes[0]);
    expect(note).toEqual({
      kind: 'addresses',
      service: 'shop',
      pool: 'blue',
      target: 't0',
      from: '10.0.0.1',
      to: '10.0.0.1, 10.0.0.2',
      cause: 'DNS has other addresses for app.internal',
    });
    expect(names.addresses().get(app)).toEqual(['10.0.0.1', '10.0.0.2']);
    // The same in another order is no change.
    dns.zones.set(app, { addresses: ['10.0.0.1', '10.0.0.2'], ttl: 1 });
    await dns.askedFor(app, 7);
    expect([changes(), ear.notes.length]).toEqual([2, 1]);
  });

  test.for([
    { says: undefined, cause: 'no addresses' },
    { says: 'unknown', cause: 'no addresses' },
    { says: 'failed', cause: 'ESERVFAIL' },
  ] as const)('keeps its addresses when DNS has none ($says), and says so once', async ({ says, cause }, t) => {
    const { dns, names, follow, ear, log, changes } = await openBench(t, { [app]: ['10.6.6.6'] });
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 0 });
    follow(app);
    await names.settle(10_000);
    dns.zones.set(app, { addresses: [], ttl: 0, ...(says && { says }) });
    expect(await ear.noted('t0', 'unresolved')).toMatchObject({ from: 'resolved', cause: `app.internal: ${cause}` });
    // It is asked for again, and fails again; nobody hears of it.
    await dns.askedFor(app, 6);
    expect(names.addresses().get(app)).toEqual(['10.0.0.1']);
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 60 });
    await ear.noted('t0', 'resolved');
    expect(ear.notes).toHaveLength(2);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'name cannot be resolved; what was known of it stays',
      'name is resolved again',
    ]);
    expect(changes()).toBe(1);
  });

  test('keeps those of a kind that could not be asked for', async (t) => {
    const { dns, names, follow, ear } = await openBench(t);
    dns.zones.set(app, { addresses: ['10.0.0.1', 'fd00::1'], ttl: 0 });
    follow(app);
    await names.settle(10_000);
    dns.zones.set(app, { addresses: ['10.0.0.2', 'fd00::9'], ttl: 0, says: 'failed-6' });
    await ear.noted('t0', '10.0.0.2, fd00::1');
    expect(names.addresses().get(app)).toEqual(['10.0.0.2', 'fd00::1']);
  });

  test('is looked up on this machine where DNS does not know it', async (t) => {
    const { names, follow, ear } = await openBench(t, { printer: ['fd00::7', '10.0.0.7', '10.0.0.7'] });
    follow('printer');
    await names.settle(10_000);
    expect(names.addresses().get('printer')).toEqual(['10.0.0.7', 'fd00::7']);
    expect(ear.notes).toEqual([]);
  });

  test('that nobody knows is left as it is, and becomes known later', async (t) => {
    const { dns, names, follow, ear, log, changes } = await openBench(t);
    follow(app);
    await names.settle(10_000);
    expect(names.addresses().has(app)).toBe(false);
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 60 });
    await ear.noted('t0', 'resolved');
    await ear.until(() => changes() === 1);
    expect(names.addresses().get(app)).toEqual(['10.0.0.1']);
    // It has never been what it is not now.
    expect(ear.notes.map(({ from, to }) => `${from} → ${to}`)).toEqual(['unknown → unresolved', 'unresolved → resolved']);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'name cannot be resolved; workers look it up for themselves',
      'name is resolved again',
    ]);
  });

  test('of which only one kind of addresses could be asked for at first is asked for again soon, however long its answer is good', async (t) => {
    const { dns, names, follow, ear } = await openBench(t);
    dns.zones.set(app, { addresses: ['10.0.0.1', 'fd00::1'], ttl: 300, says: 'failed-6' });
    follow(app);
    await names.settle(10_000);
    expect(names.addresses().get(app)).toEqual(['10.0.0.1']);
    dns.zones.set(app, { addresses: ['10.0.0.1', 'fd00::1'], ttl: 300 });
    await ear.noted('t0', '10.0.0.1, fd00::1');
    expect(names.addresses().get(app)).toEqual(['10.0.0.1', 'fd00::1']);
  });

  test('is what the hosts file says, whatever DNS says: one of its addresses, or quite another', async (t) => {
    const { dns, names, follow, ear } = await openBench(t, {}, { pinned: { [app]: ['10.0.0.2', '10.0.0.2'], 'b.internal': ['10.7.7.7'] } });
    for (const name of [app, 'b.internal']) dns.zones.set(name, { addresses: ['10.0.0.1', '10.0.0.2'], ttl: 60 });
    follow(app, 'b.internal');
    await names.settle(10_000);
    expect([...names.addresses()]).toEqual([
      [app, ['10.0.0.2']],
      ['b.internal', ['10.7.7.7']],
    ]);
    expect([dns.asked.size, ear.notes.length]).toEqual([0, 0]);
  });

  test('that is written into the hosts file goes there', async (t) => {
    const pinned: Record<string, readonly string[]> = {};
    const { dns, names, follow, ear } = await openBench(t, {}, { pinned });
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 0 });
    follow(app);
    await names.settle(10_000);
    pinned[app] = ['10.0.0.7'];
    expect((await ear.noted('t0', '10.0.0.7')).cause).toBe('the hosts file of this machine has other addresses for app.internal');
  });

  describe.concurrent('that the control process before this one had found', () => {
    const before = { [app]: ['10.0.0.1', 'fd00::1'] };

    test.for([undefined, 'unknown', 'failed', 'nothing'] as const)(
      'is known from the start, is not waited for, and stays where DNS has nothing (%s)',
      async (says, t) => {
        const { dns, names, follow, ear, changes } = await openBench(t, {}, { before });
        expect([...names.addresses()]).toEqual(Object.entries(before));
        dns.zones.set(app, { addresses: [], ttl: 0, ...(says && { says }) });
        follow(app);
        await names.settle(600_000);
        await (says === 'nothing' ? dns.askedFor(app, 2) : ear.noted('t0', 'unresolved'));
        expect(ear.notes.every(({ from }) => from === 'resolved')).toBe(true);
        expect([...names.addresses()]).toEqual(Object.entries(before));
        expect(changes()).toBe(0);
      },
    );

    test('is no change where DNS says the same, and one where it says something else', async (t) => {
      const { dns, names, follow, ear, changes } = await openBench(t, {}, { before: { ...before, 'b.internal': ['10.0.0.8'] } });
      dns.zones.set(app, { addresses: ['10.0.0.1', 'fd00::1'], ttl: 60 });
      dns.zones.set('b.internal', { addresses: ['10.0.0.9'], ttl: 60 });
      follow(app, 'b.internal');
      expect(await ear.noted('t1', '10.0.0.9')).toMatchObject({ from: '10.0.0.8' });
      await dns.askedFor(app, 2);
      expect([...names.addresses()]).toEqual([
        [app, ['10.0.0.1', 'fd00::1']],
        ['b.internal', ['10.0.0.9']],
      ]);
      expect(changes()).toBe(1);
    });

    test('keeps the kind that cannot be asked for', async (t) => {
      const { dns, names, follow, ear } = await openBench(t, {}, { before });
      dns.zones.set(app, { addresses: ['10.0.0.2'], ttl: 60, says: 'failed-6' });
      follow(app);
      await ear.noted('t0', '10.0.0.2, fd00::1');
      expect(names.addresses().get(app)).toEqual(['10.0.0.2', 'fd00::1']);
    });

    test('is found where this machine knows it, though DNS does not', async (t) => {
      const { follow, ear } = await openBench(t, { printer: ['10.0.0.7'] }, { before: { printer: ['10.0.0.6'] } });
      follow('printer');
      expect((await ear.noted('t0', '10.0.0.7')).cause).toBe('this machine has other addresses for printer');
    });

    test('is forgotten where no target has it any more', async (t) => {
      const { names, follow, dns } = await openBench(t, {}, { before });
      dns.zones.set('b.internal', { addresses: [], ttl: 0, says: 'nothing' });
      dns.zones.set(app, { addresses: [], ttl: 0, says: 'nothing' });
      follow('b.internal');
      expect(names.addresses().size).toBe(0);
      follow(app);
      expect(names.addresses().size).toBe(0);
    });
  });

  test('is forgotten with the last target that has it', async (t) => {
    const { dns, names, follow } = await openBench(t);
    dns.zones.set(app, { addresses: ['10.0.0.1'], ttl: 60 });
    dns.zones.set('b.internal', { addresses: ['10.0.0.2'], ttl: 60 });
    follow(app, 'b.internal');
    await names.settle(10_000);
    follow('b.internal');
    expect([...names.addresses().keys()]).toEqual(['b.internal']);
  });

  test('that is not answered holds up nobody for longer than they want to wait', async (t) => {
    const { dns, names, follow } = await openBench(t);
    dns.zones.set(app, { addresses: [], ttl: 0, says: 'nothing' });
    dns.zones.set('b.internal', { addresses: ['10.0.0.2'], ttl: 60 });
    follow(app, 'b.internal');
    await names.settle(300);
    expect([...names.addresses().keys()]).toEqual(['b.internal']);
  });

  test('is no longer asked for when all is closed', async (t) => {
    const { dns, names, follow, ear, changes } = await openBench(t);
    dns.zones.set(app, { addresses: [], ttl: 0, says: 'nothing' });
    follow(app);
    await dns.askedFor(app, 2);
    names.close();
    await names.settle(10_000);
    follow('b.internal');
    expect([dns.asked.has('b.internal'), changes(), ear.notes.length]).toEqual([false, 0, 0]);
  });
});

test('what is answered about a name that has been forgotten is nothing', async () => {
  const late = Promise.withResolvers<{ address: string; ttl: number }[]>();
  const ask = (): Promise<{ address: string; ttl: number }[]> => late.promise;
  const resolver: NameResolver = { resolve4: ask, resolve6: ask, hosts: () => [], lookup: () => Promise.resolve([]), close: () => {} };
  let changes = 0;
  const names = new Names({
    resolver,
    before: new Map(),
    events: new Ear(),
    log: new TestLog(),
    random: () => 0,
    onChange: () => changes++,
  });
  for (const model of [aModel(aPool('blue', [aTarget('a', { host: app, port: 3000 })])), aModel()])
    names.follow(model, compileSnapshot(model, 1));
  late.resolve([{ address: '10.0.0.1', ttl: 60 }]);
  await settle();
  expect([names.addresses().size, changes]).toEqual([0, 0]);
});

test('a name that is known from before is not waited for, however long DNS takes', async (t) => {
  const never = new Promise<never>(() => {});
  const resolver: NameResolver = { resolve4: () => never, resolve6: () => never, hosts: () => [], lookup: () => never, close: () => {} };
  const before = new Map([[app, ['10.0.0.1']]]);
  const names = new Names({ resolver, before, events: new Ear(), log: new TestLog(), random: () => 0, onChange: () => {} });
  t.onTestFinished(() => names.close());
  names.follow(aModel(aPool('blue', [aTarget('a', { host: app, port: 3000 })])));
  await names.settle(600_000);
  expect(names.addresses()).toEqual(before);
});

test('localhost is what it is for every other program', async (t) => {
  const { dns, ear } = await openBench(t);
  const names = new Names({
    resolver: systemResolver([dns.address]),
    before: new Map(),
    events: ear,
    log: new TestLog(),
    random: () => 0,
    onChange: () => {},
  });
  t.onTestFinished(() => names.close());
  const model = aModel(aPool('blue', [aTarget('a', { host: 'localhost', port: 3000 })]));
  names.follow(model, compileSnapshot(model, 1));
  await names.settle(10_000);
  const expected = (await lookup('localhost', { all: true })).map(({ address }) => address);
  expect(new Set(names.addresses().get('localhost'))).toEqual(new Set(expected));
  expect(dns.asked.has('localhost')).toBe(false);
});

test.each([
  { source: 'dns', ttlMs: 0, again: 1000 },
  { source: 'dns', ttlMs: 5000, again: 5000 },
  { source: 'dns', ttlMs: 86_400_000, again: 300_000 },
  { source: 'lookup', ttlMs: 0, again: 10_000 },
  { source: 'hosts', ttlMs: 0, again: 10_000 },
] as const)('what $source says is to be kept for $ttlMs ms is asked for again after $again', ({ again, ...answer }) => {
  expect(askAgainMs(answer)).toBe(again);
});

test('failures are repeated ever less often, but at least twice a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 100].map(retryMs)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});
