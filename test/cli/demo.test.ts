import { request } from 'undici';
import { describe, expect, test, type TestContext } from 'vitest';
import { spawnSluice } from '../support/process.ts';

const get = async (url: string, headers = {}) => (await request(url, { headers })).body.text();
const send = async (method: 'PUT' | 'POST', url: string, body: string) =>
  (await request(url, { method, body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })).statusCode;

/** Starts a demo on free ports and reads from its words where it is. */
async function startDemo(t: TestContext) {
  const demo = spawnSluice(t, ['demo', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0']);
  await demo.waitForText('Ctrl-C stops everything.');
  const [, proxyUrl, adminUrl] = /the proxy on (http:\S+)\/, the admin API on (http:\S+)\//.exec(demo.output())!;
  return { demo, proxyUrl: proxyUrl!.replace('localhost', '127.0.0.1'), adminUrl: adminUrl!.replace('localhost', '127.0.0.1') };
}

describe('sluice demo', () => {
  test('does what its four lines say', async (t) => {
    const { demo, proxyUrl, adminUrl } = await startDemo(t);
    expect(demo.output().match(/^ {2}curl -s .*/gm)).toHaveLength(4);
    expect(demo.output()).toContain(
      `-X PUT ${adminUrl.replace('http://127.0.0.1', 'localhost')}/v1/services/demo/weights -d '{"blue":90,"green":10}'`,
    );

    expect(await get(`${proxyUrl}/`)).toBe('Hello from blue (v1)\n');
    expect(await send('PUT', `${adminUrl}/v1/services/demo/weights`, '{"blue":90,"green":10}')).toBe(200);
    expect(await send('POST', `${adminUrl}/v1/services/demo/switch`, '{"to":"green"}')).toBe(200);
    expect(await get(`${proxyUrl}/`)).toBe('Hello from green (v2)\n');
    expect(await get(`${proxyUrl}/`, { accept: 'text/html,*/*' })).toContain('background: green');
    expect((await request(`${adminUrl}/v1/undo`, { method: 'POST' })).statusCode).toBe(200);
    demo.signal('SIGINT');
    expect(await demo.exited).toEqual({ code: 0, signal: null });
  });

  test.for(['SIGINT', 'SIGTERM'] as const)('%s stops all of it with exit code 0', async (signal, t) => {
    const { demo } = await startDemo(t);
    demo.signal(signal);
    // npm passes it on once more.
    demo.signal(signal);
    expect(await demo.exited).toEqual({ code: 0, signal: null });
  });

  test('says which port is taken and how to choose another', async (t) => {
    const { proxyUrl, adminUrl } = await startDemo(t);
    const [proxy, admin] = [proxyUrl, adminUrl].map((url) => url.slice('http://'.length));
    const second = spawnSluice(t, ['demo', '--listen', proxy!, '--admin-listen', '127.0.0.1:0']);
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output()).toMatch(`The proxy cannot listen on ${proxy}: another program already does.`);
    expect(second.output()).toContain('--listen)');
    const third = spawnSluice(t, ['demo', '--listen', '127.0.0.1:0', '--admin-listen', admin!]);
    expect(await third.exited).toEqual({ code: 1, signal: null });
    expect(third.output()).toMatch(`The admin API cannot listen on ${admin}: another program already does.`);
  });
});
