import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { openBench } from '../control/support.ts';
import { canMount, fill, smallDisk } from '../store/small-disk.ts';
import { startApi } from './support.ts';

test.skipIf(!canMount)('on a full disk a change is 503 and traffic untouched; with space again the next one works', async () => {
  const directory = smallDisk();
  const store = await openSqliteStore(directory);
  onTestFinished(() => store.close());
  const { call, controller, parts } = await startApi({}, await openBench({ store }));
  const weights = '/v1/services/demo/weights';
  expect((await call('PUT', weights, { green: 1 })).status).toBe(200);

  fill(directory);
  // A few small changes may still fit into what the database has reserved.
  let refused = await call('PUT', weights, { green: 2 });
  for (let green = 3; refused.status === 200; green++) refused = await call('PUT', weights, { green });
  const { number } = controller.current();
  const published = parts.fleet.published.length;
  expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
    503,
    'STORE_UNAVAILABLE',
    `Nothing has changed. The disk that holds ${directory}/sluice.db is full, so saving revision ${number + 1} failed. Free some space and try again; no restart is needed.`,
  ]);
  for (const path of ['/v1/undo', '/v1/revisions/1/restore']) expect((await call('POST', path)).status).toBe(503);
  expect((await call('GET', '/v1/revisions?limit=1')).body.revisions[0].revision).toBe(number);
  expect((await call('GET', '/v1/status')).body.revision).toBe(number);
  expect(parts.fleet.published).toHaveLength(published);

  rmSync(join(directory, 'ballast'));
  expect((await call('POST', '/v1/undo')).body.revision).toBe(number + 1);
});
