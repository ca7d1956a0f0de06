import { buildAdminApi } from '../../admin-api/app.ts';
import type { AdminApiOptions, ProcessState } from '../../admin-api/options.ts';
import { errorsOf } from '../../admin-api/openapi.ts';
import { ProblemDocumentSchema } from '../../admin-api/problems.ts';
import { routes } from '../../admin-api/routes.ts';
import { Census } from '../../src/control/census.ts';
import { EventLog } from '../../src/control/events.ts';
import { Observer } from '../../src/control/observed.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { FastifyInstance } from 'fastify';
import { request, type Dispatcher } from 'undici';
import { Value } from 'typebox/value';
import { expect, onTestFinished } from 'vitest';
import { openBench, type Bench } from '../control/support.ts';

/** The time of these tests. */
export const nowMs = Date.UTC(2026, 4, 1, 12);

export interface TestApi extends Bench {
  readonly url: string;
  readonly options: AdminApiOptions;
  readonly events: EventLog;
  /** Reads the fleet as the composition root does once per second. */
  readonly look: () => Promise<void>;
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

/** Every answer in these tests is one that the table of calls says is possible there, and has the shape that it says. */
function expectDocumented(method: string, path: string, { status, body, headers }: CallResult): void {
  const route = routes.find((candidate) => {
    const pattern = new RegExp(`^${candidate.path.replaceAll(/:\w+/g, '[^/]+')}(\\?|$)`);
    return candidate.method === (method === 'HEAD' ? 'GET' : method) && pattern.test(path);
  });
  if (route === undefined) return expect([401, 403, 404, 405]).toContain(status);
  if (String(headers['content-type']).startsWith('application/problem+json')) {
    if (body === undefined) return;
    expect([...Value.Errors(ProblemDocumentSchema, body)]).toEqual([]);
    return expect(errorsOf(route)).toContain(body.code);
  }
  const answer = route.answers[status];
  expect({ method, path, status, documented: answer !== undefined }).toMatchObject({ documented: true });
  if (answer?.schema === undefined) return;
  // Without a body: the answer to HEAD.
  if (body !== undefined) expect([...Value.Errors(answer.schema, body)]).toEqual([]);
  if (answer.etag === true && body?.dryRun !== true) expect(headers['etag']).toMatch(/^"[0-9]+"$/);
}

/**
 * The admin API on a real socket, over a real controller. Closed when the test ends.
 * @param prepare may add to the app before it listens
 */
export async function startApi(
  overrides: Partial<AdminApiOptions> = {},
  bench?: Bench,
  prepare?: (app: FastifyInstance) => unknown,
): Promise<TestApi> {
  const { parts, controller } = bench ?? (await openBench());
  await controller.republish(1000);
  let state: ProcessState = 'ready';
  const census = new Census(parts.fleet);
  const { clock, log } = parts;
  const events = new EventLog({ log, clock });
  const observer = new Observer({ events, clock, snapshot: () => controller.snapshot() });
  const metrics = new Metrics(async () => {
    const reading = await census.read(1000);
    return { reading, model: controller.model(), snapshot: controller.snapshot(), observed: observer.shares(reading.totals) };
  });
  const options: AdminApiOptions = {
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
    log,
    nowMs: () => nowMs,
    snapshot: () => controller.snapshot(),
    observed: observer,
    events,
    ...overrides,
  };
  const app = buildAdminApi(options);
  prepare?.(app);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    metrics.close();
    await app.close();
  });
  return {
    parts,
    controller,
    url,
    options,
    events,
    look: async () => observer.onReading(await census.read(1000)),
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
      const result = { status: response.statusCode, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
      expectDocumented(method, path, result);
      return result;
    },
  };
}
