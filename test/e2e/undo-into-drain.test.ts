import { expect, test } from 'vitest';
import { startSluice } from '../support/process.ts';
import { startHoldingApp } from './app.ts';

test('undo of the return from a drain that is long over lets what has begun meanwhile finish', async (t) => {
  const [blue, other] = [await startHoldingApp(t), await startHoldingApp(t)];
  const services = {
    shop: { pools: { blue: { targets: [blue.url] } } },
    other: { pools: { blue: { targets: [other.url] } } },
  };
  const routes = [{ match: { headers: { 'x-to': 'other' } }, service: 'other' }, { service: 'shop' }];
  const sluice = await startSluice(t, { document: { services, routes }, workers: 0 });
  const call = async (path: string, body?: object): Promise<void> => {
    const json = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${sluice.adminUrl}/v1${path}`, { method: 'POST', ...json });
    expect(response.status).toBe(200);
  };
  const stateOf = (service: string) => `/services/${service}/pools/blue/state`;

  await call(stateOf('shop'), { state: 'drain', deadline: '0s' });
  await call(stateOf('shop'), { state: 'ready' });
  const answer = fetch(`${sluice.proxyUrl}/hold`).then(async (response) => [response.status, await response.text()]);
  await blue.arrived;
  await call('/undo');

  // Something else outstays its deadline: when it has been cut, what is overdue has been looked for, and blue was not.
  const cut = fetch(`${sluice.proxyUrl}/hold`, { headers: { 'x-to': 'other' } });
  await other.arrived;
  await call(stateOf('other'), { state: 'maint', deadline: '0s' });
  expect((await cut).status).toBe(503);
  blue.finish();
  expect(await answer).toEqual([200, 'finished']);
});
