import http from 'node:http';
import https from 'node:https';
import { pathOf, targetsPerService, type BenchCase } from './case.ts';
import { type Answer, exchange, hostFields } from './exchange.ts';
import { answerFieldName, bodyOf, forwardedNames, forwardedPath, lastFieldName } from './origin.ts';

/**
 * Throws unless the proxy at `port` does the work that all of them are compared by: the right body, all fields both ways, forwarded headers
 * told to the origin, and connections kept alive on both sides. A proxy that skips one of these would look faster or slower than it is.
 */
export async function verify(port: number, benchCase: BenchCase): Promise<void> {
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = benchCase.encrypted === true ? new https.Agent(options) : new http.Agent(options);
  try {
    await verifyBody(port, benchCase, agent);
    await verifyForwarding(port, benchCase, agent);
  } finally {
    agent.destroy();
  }
}

/** Whether it serves the case already. */
export async function isServing(port: number, benchCase: BenchCase): Promise<boolean> {
  const headers = { ...hostFields(benchCase), connection: 'close' };
  return (await exchange({ port, path: pathOf(benchCase), headers, timeout: 1000 }, benchCase.encrypted === true)).status === 200;
}

async function verifyBody(port: number, benchCase: BenchCase, agent: http.Agent): Promise<void> {
  const { method = 'GET', headers = {}, bodyBytes = 0, answerFields = 0, encrypted = false } = benchCase;
  const options = { port, agent, method, path: pathOf(benchCase), headers: { ...headers, ...hostFields(benchCase) } };
  const answer = await exchange(options, encrypted, 'x'.repeat(bodyBytes));
  if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
  if (answer.body !== bodyOf(benchCase.answerBytes)) throw new Error(`answered a wrong body of ${answer.body.length} characters`);
  for (let index = 0; index < answerFields; index += 1) {
    if (answer.headers[answerFieldName(index)] === undefined) throw new Error(`does not pass on field ${index} of the answer`);
  }
}

async function verifyForwarding(port: number, benchCase: BenchCase, agent: http.Agent): Promise<void> {
  const { encrypted = false, headers: { connection: _, ...kept } = {}, services } = benchCase;
  const headers = { ...kept, ...hostFields(benchCase) };
  // A proxy may hold connections for several pools and targets; of so many requests some still arrive on one that has carried others.
  const times = services === undefined ? 8 : 4 * targetsPerService;
  const answers: Answer[] = [];
  for (let i = 0; i < times; i += 1) answers.push(await exchange({ port, agent, path: forwardedPath, headers }, encrypted));
  const told = answers.map(({ body }) => readLines(body));

  for (const lines of told) {
    const untold = forwardedNames.filter((name) => !lines.get(name));
    if (untold.length > 0) throw new Error(`does not tell the origin ${untold.join(', ')}`);
    expectTold(lines, 'x-forwarded-for', '127.0.0.1');
    expectTold(lines, 'x-forwarded-proto', encrypted ? 'https' : 'http');
    expectTold(lines, lastFieldName, kept[lastFieldName] ?? '');
  }
  if (!answers.slice(1).every(({ reused }) => reused)) throw new Error('does not keep client connections alive');
  if (!told.some((lines) => Number(lines.get('requests')) > 1)) throw new Error('does not keep connections to the origin alive');
}

function expectTold(lines: ReadonlyMap<string, string>, name: string, expected: string): void {
  const value = lines.get(name) ?? '';
  if (value !== expected) throw new Error(`tells the origin ${name}: ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`);
}

/** `name: value` per line, as the origin answers at `forwardedPath`. */
function readLines(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}
