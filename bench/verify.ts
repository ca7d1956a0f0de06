import { Buffer } from 'node:buffer';
import http from 'node:http';
import { pathOf, type BenchCase } from './case.ts';
import { bodyOf, forwardedNames, forwardedPath } from './origin.ts';

/**
 * Throws unless the proxy at `port` does the work that all of them are compared by: the right body, forwarded headers told to the
 * origin, and connections kept alive on both sides. A proxy that skips one of these would look faster or slower than it is.
 */
export async function verify(port: number, benchCase: BenchCase): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await verifyBody(port, benchCase, agent);
    await verifyForwarding(port, agent);
  } finally {
    agent.destroy();
  }
}

async function verifyBody(port: number, benchCase: BenchCase, agent: http.Agent): Promise<void> {
  const { method = 'GET', headers = {}, bodyBytes = 0 } = benchCase;
  const answer = await exchange({ port, agent, method, path: pathOf(benchCase), headers: { ...headers } }, 'x'.repeat(bodyBytes));
  if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
  if (answer.body !== bodyOf(benchCase.answerBytes)) throw new Error(`answered a wrong body of ${answer.body.length} characters`);
}

async function verifyForwarding(port: number, agent: http.Agent): Promise<void> {
  // A proxy may hold connections for several pools; of eight requests some still arrive on one that has carried others.
  const answers: Answer[] = [];
  for (let i = 0; i < 8; i += 1) answers.push(await exchange({ port, agent, path: forwardedPath }, ''));
  const told = answers.map(({ body }) => readLines(body));

  for (const lines of told) {
    const untold = forwardedNames.filter((name) => !lines.get(name));
    if (untold.length > 0) throw new Error(`does not tell the origin ${untold.join(', ')}`);
    const client = lines.get('x-forwarded-for');
    if (client !== '127.0.0.1') throw new Error(`tells the origin x-forwarded-for: ${client}`);
  }
  if (!answers.slice(1).every(({ reused }) => reused)) throw new Error('does not keep client connections alive');
  if (!told.some((lines) => Number(lines.get('requests')) > 1)) throw new Error('does not keep connections to the origin alive');
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

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  /** It came on a connection that had carried a request before. */
  readonly reused: boolean;
}

async function exchange(options: http.RequestOptions, requestBody: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request({ host: '127.0.0.1', ...options, timeout: 10_000 }, resolve);
  request.on('error', reject).on('timeout', () => request.destroy(new Error('did not answer within 10 s')));
  request.end(requestBody);
  const answer = await promise;
  const chunks: Buffer[] = await answer.toArray();
  return { status: answer.statusCode, body: Buffer.concat(chunks).toString('latin1'), reused: request.reusedSocket };
}
