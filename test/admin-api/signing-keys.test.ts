import { describe, expect, test } from 'vitest';
import { KeyRotation } from '../../src/control/key-rotation.ts';
import { StoreError, type KeyRing } from '../../src/control/ports.ts';
import { MemoryKeyRing } from '../../src/store/memory-key-ring.ts';
import { openBench } from '../control/support.ts';
import { startApi, type TestApi } from './support.ts';

const path = '/v1/signing-keys/rotate';

/** A Sluice that has these keys; in memory, whatever `file` says. */
async function startWithKeys(changes: Partial<KeyRing> = {}): Promise<TestApi & { readonly ring: MemoryKeyRing }> {
  const ring = new MemoryKeyRing();
  const bench = await openBench({
    surroundings: { addresses: () => new Map(), signingKeys: () => ring.keys(), files: () => new Map(), ticketKey: () => '' },
  });
  const bound: KeyRing = {
    keys: () => ring.keys(),
    file: undefined,
    announce: () => ring.announce(),
    promote: (id) => ring.promote(id),
    ...changes,
  };
  const { controller, parts } = bench;
  const noted: TestApi['events'][] = [];
  const events = { note: (happening: Parameters<TestApi['events']['note']>[0]) => noted[0]!.note(happening) };
  const api = await startApi(
    { signingKeys: new KeyRotation({ ring: bound, controller, events, log: parts.log, elapsedMs: () => 0 }) },
    bench,
  );
  noted.push(api.events);
  return { ...api, ring };
}

describe('the rotation of signing keys', () => {
  test('makes a key, brings it to the workers, and says which signs', async () => {
    const { call, ring, parts } = await startWithKeys();
    const answer = await call('POST', path);
    const [key] = ring.keys();
    const applied = [1, 2].map((worker) => ({ worker, ms: 0.5 }));
    expect([answer.status, answer.body]).toEqual([200, { key: key!.id, keys: 2, applied }]);
    expect(parts.fleet.published.at(-1)!.signingKeys[0]).toEqual(key);
    expect(answer.text).not.toContain(key!.secret);
  });

  test('is 202 where a worker is late, and names it', async () => {
    const { call, parts } = await startWithKeys();
    parts.fleet.stuck.add(2);
    const answer = await call('POST', `${path}?timeout=1s`);
    expect([answer.status, answer.body.stragglers]).toEqual([202, [{ worker: 2, pid: 102 }]]);
  });

  test('says what has to be done on other machines, where they may have the file', async () => {
    const { call } = await startWithKeys({ file: '/data/signing-keys' });
    expect((await call('POST', path)).body.otherMachines).toBe(
      'If other machines share these keys, they do not know the new one yet: copy /data/signing-keys to them and restart Sluice there, one after the other. ' +
        'Until that is done, clients who were given a cookie here are new clients there, and may come to another pool.',
    );
  });

  test('is an event, with who did it and why', async () => {
    const { call, ring } = await startWithKeys();
    const [old] = ring.keys();
    await call('POST', `${path}?reason=quarterly`);
    expect((await call('GET', '/v1/events')).body.events).toMatchObject([
      { kind: 'keys', service: '', pool: '', target: '', from: old!.id, to: ring.keys()[0]!.id, cause: 'rotated by anonymous: quarterly' },
    ]);
  });

  test('is refused soon after another, but with force', async () => {
    const { call } = await startWithKeys();
    await call('POST', path);
    const again = await call('POST', path);
    expect([again.status, again.body.code]).toEqual([409, 'TOO_SOON']);
    expect((await call('POST', `${path}?force=true`)).body.keys).toBe(3);
    expect((await call('POST', `${path}?force=yes`)).body.detail).toBe('Query parameter "force": expected true or false, found "yes".');
  });

  test('heeds If-Match', async () => {
    const { call, ring } = await startWithKeys();
    const stale = await call('POST', path, undefined, { 'if-match': '"7"' });
    expect([stale.status, stale.body.code, ring.keys().length]).toEqual([412, 'STALE_REVISION', 1]);
    expect((await call('POST', path, undefined, { 'if-match': '"1"' })).status).toBe(200);
  });

  test('is refused while Sluice is stopping', async () => {
    const { call, controller, ring } = await startWithKeys();
    await controller.close();
    const answer = await call('POST', path);
    expect([answer.status, answer.body.code, ring.keys().length]).toEqual([503, 'SHUTTING_DOWN', 1]);
  });

  test('that cannot be saved changes nothing', async () => {
    const announce = () => Promise.reject(new StoreError('The disk that holds /data/signing-keys is full.'));
    const { call, parts } = await startWithKeys({ announce });
    const before = parts.fleet.published.length;
    const answer = await call('POST', path);
    expect([answer.status, answer.body.detail]).toEqual([503, 'The disk that holds /data/signing-keys is full.']);
    expect(parts.fleet.published).toHaveLength(before);
  });
});
