import { request } from 'undici';
import { expect, test, type TestContext, vi } from 'vitest';
import type { Settings } from '../../config/settings.ts';
import { openControlPlane, type ControlParts } from '../../src/control-plane.ts';
import type { NameResolver } from '../../src/control/names/ask.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { createProcessLog } from '../../src/telemetry/log.ts';
import { settle } from '../support/raw-client.ts';
import { TestFleet } from './fleet.ts';
import { TestLog } from './support.ts';

const settings: Settings = {
  admin: { address: { host: '127.0.0.1', port: 0 }, tokens: [] },
  dataDir: '',
  workers: 2,
  log: { level: 'silent', access: false },
};

const named: JsonObject = {
  listeners: [{ name: 'web', address: '127.0.0.1:8080' }],
  services: { shop: { pools: { blue: { targets: [{ id: 'a', url: 'http://app.internal:3000' }] } }, weights: { blue: 1 } } },
  routes: [{ service: 'shop' }],
};

/** A promise that is rejected, and whose rejection is somebody's who looks later. */
function failing(cause: Error): Promise<never> {
  const rejected = Promise.reject(cause);
  rejected.catch(() => {});
  return rejected;
}

/** A DNS that is away: every question fails, after a while or never. */
const away = (answers: Promise<never>): NameResolver => ({
  resolve4: () => answers,
  resolve6: () => answers,
  hosts: () => [],
  lookup: () => answers,
  close: () => {},
});

/** A log that keeps what it is told, in the place of a real one. */
function aLog(): { readonly log: ControlParts['log']; readonly said: TestLog; readonly heard: (message: string) => Promise<void> } {
  const said = new TestLog();
  const { log } = createProcessLog({ process: 'test', level: 'silent' });
  const waiting = new Map<string, () => void>();
  const keep = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    said[level](fields as Readonly<Record<string, unknown>>, message);
    waiting.get(message)?.();
  };
  Object.assign(log, { info: keep('info'), warn: keep('warn'), error: keep('error') });
  return { log, said, heard: (message) => new Promise((resolve) => waiting.set(message, resolve)) };
}

async function open(t: TestContext, parts: Partial<ControlParts> & Pick<ControlParts, 'fleet' | 'log'>) {
  const plane = await openControlPlane({ file: named, settings, dataDir: undefined, ...parts });
  t.onTestFinished(() => plane.close());
  return plane;
}

const placesIn = ({ services }: Snapshot) => services[0]!.pools[0]!.targets.map(({ id, address }) => `${id} ${address.host}`);

test.for([
  ['does not answer', new Promise<never>(() => {})],
  ['fails', failing(Object.assign(new Error('no server'), { code: 'ECONNREFUSED' }))],
] as const)('a control process that comes back while DNS %s sends the addresses that workers have already', async ([, answers], t) => {
  const fleet = new TestFleet();
  fleet.resolvedBefore.set('app.internal', ['10.0.0.1', '10.0.0.2']);
  const { log } = aLog();
  await open(t, { fleet, log, resolver: away(answers) });
  expect(fleet.published.length).toBeGreaterThan(0);
  for (const snapshot of fleet.published) {
    expect(placesIn(snapshot)).toEqual(['a@10.0.0.1 10.0.0.1', 'a@10.0.0.2 10.0.0.2']);
    expect(snapshot.addresses).toEqual(fleet.resolvedBefore);
  }
});

test('names that are found one after the other are published together', async (t) => {
  const found = Promise.withResolvers<{ address: string; ttl: number }[]>();
  const fleet = new TestFleet();
  const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.internal`);
  for (const host of hosts) fleet.resolvedBefore.set(host, ['10.0.0.1']);
  const resolver: NameResolver = { ...away(failing(new Error('none'))), resolve4: () => found.promise, resolve6: async () => [] };
  const targets = hosts.map((host) => `http://${host}:3000`);
  const services = { shop: { pools: { blue: { targets } }, weights: { blue: 1 } } };
  await open(t, { fleet, log: aLog().log, resolver, file: { ...named, services } });
  const before = fleet.published.length;
  found.resolve([{ address: '10.0.0.9', ttl: 60 }]);
  await vi.waitUntil(() => fleet.published.length > before, { timeout: 5000, interval: 5 });
  expect(fleet.published).toHaveLength(before + 1);
  expect(placesIn(fleet.published[before]!).map((place) => place.split(' ')[1])).toEqual(hosts.map(() => '10.0.0.9'));
});

test('what the control process before knew of a target that is not there is not believed of one that is added later', async (t) => {
  const fleet = new TestFleet();
  fleet.inform({ targets: [{ service: 'shop', pool: 'blue', target: 'new', health: 'unhealthy', factor: 1, told: 'ready' }] });
  const pool = { targets: [{ id: 'old', url: 'http://127.0.0.1:1' }], health: { interval: '1h' } };
  const file = { ...named, services: { shop: { pools: { blue: pool }, weights: { blue: 1 } } } };
  const { admin } = await open(t, { fleet, log: aLog().log, file });
  const answer = await request(`http://127.0.0.1:${admin.port}/v1/services/shop/pools/blue/targets/new`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"url":"http://127.0.0.1:2"}',
  });
  expect([answer.statusCode, await answer.body.text()]).toEqual([200, expect.anything()]);
  expect(fleet.conditions().targets.find(({ target }) => target === 'new')?.health).toBe('unknown');
});

test('a publish that fails is logged, and control goes on', async (t) => {
  const fleet = new TestFleet();
  const cause = new TypeError('a bug in the data plane');
  fleet.publish = () => failing(cause);
  const { log, said, heard } = aLog();
  const message = 'what has changed could not be published; what was published before stays in force';
  const told = heard(message);
  await open(t, { fleet, log, resolver: away(failing(new Error('none'))) });
  await told;
  expect(said.lines.find((line) => line.message === message)?.fields).toEqual({ err: cause });
});

test('a reading that fails is logged once while it goes on failing, and control goes on', async (t) => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  t.onTestFinished(() => void vi.useRealTimers());
  const fleet = new TestFleet();
  const cause = new TypeError('a bug in a report');
  let looks = 0;
  fleet.collect = () => {
    looks++;
    return failing(cause);
  };
  const { log, said } = aLog();
  await open(t, { fleet, log, resolver: away(failing(new Error('none'))) });
  const message = 'reading what the workers have counted failed; it is tried again every second';
  const lines = () => said.lines.filter((line) => line.message === message).map(({ fields }) => fields);
  const look = async (): Promise<void> => {
    vi.advanceTimersByTime(1000);
    await settle();
  };
  for (let second = 0; second < 3; second++) await look();
  expect([looks, lines()]).toEqual([3, [{ err: cause }]]);
  fleet.collect = async () => new Map();
  await look();
  fleet.collect = () => failing(cause);
  await look();
  expect(lines()).toHaveLength(2);
});
