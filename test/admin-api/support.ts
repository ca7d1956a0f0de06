import { buildAdminApi } from '../../admin-api/app.ts';
import type { AdminApiOptions, ProcessState } from '../../admin-api/options.ts';
import { Census } from '../../src/control/census.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { request, type Dispatcher } from 'undici';
import { onTestFinished } from 'vitest';
import { openBench, type Bench } from '../control/support.ts';

export interface TestApi extends Bench {
  readonly url: string;
  readonly setState: (state: ProcessState) => void;
  /** A body that is no text is sent as JSON and says so; a text is sent as it is and says nothing. */
  readonly call: (
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<CallResult>;
}

export interface CallResult {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect to be there
  readonly body: any;
}

/** The admin API on a real socket, over a real controller. Closed when the test ends. */
export async function startApi(overrides: Partial<AdminApiOptions> = {}, bench?: Bench): Promise<TestApi> {
  const { parts, controller } = bench ?? (await openBench());
  await controller.republish(1000);
  let state: ProcessState = 'ready';
  const census = new Census(parts.fleet);
  const metrics = new Metrics(async () => ({ reading: await census.read(1000), model: controller.model() }));
  const app = buildAdminApi({
    controller,
    fleet: {
      supervisorPid: parts.fleet.supervisorPid,
      controlPid: 99,
      workers: () => parts.fleet.workers(),
      read: (timeoutMs) => census.read(timeoutMs),
    },
    metrics,
    tokens: [],
    address: { host: '127.0.0.1', port: 8081 },
    state: () => state,
    log: parts.log,
    ...overrides,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    metrics.close();
    await app.close();
  });
  return {
    parts,
    controller,
    url,
    setState: (next) => void (state = next),
    async call(method, path, body, headers = {}) {
      const isText = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
      const response = await request(url + path, {
        method,
        headers: isText ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      });
      const text = await response.body.text();
      const isJson = /json/.test(String(response.headers['content-type'])) && text !== '';
      return { status: response.statusCode, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
    },
  };
}
