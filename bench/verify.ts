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
  // Of three requests in a row the last arrives on a connection that has carried others, or nothing is kept alive.
  for (let i = 0; i < 2; i += 1) await exchange({ port, agent, path: forwardedPath }, '');
  const { body, reused } = await exchange({ port, agent, path: forwardedPath }, '');
  const told = new Map(
    body.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );

  const untold = forwardedNames.filter((name) => !told.get(name));
  if (untold.length > 0) throw new Error(`does not tell the origin ${untold.join(', ')}`);
  if (told.get('x-forwarded-for') !== '127.0.0.1') throw new Error(`tells the origin x-forwarded-for: ${told.get('x-forwarded-for')}`);
  if (!reused) throw new Error('does not keep client connections alive');
  if (!(Number(told.get('requests')) > 1)) throw new Error('does not keep connections to the origin alive');
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
