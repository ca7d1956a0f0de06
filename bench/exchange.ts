import { Buffer } from 'node:buffer';
import http from 'node:http';
import https from 'node:https';
import type { BenchCase } from './case.ts';

export interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** It came on a connection that had carried a request before. */
  readonly reused: boolean;
}

/** One request to one of our own servers, whose certificates nobody else has signed. */
export async function exchange(options: http.RequestOptions, isEncrypted: boolean, requestBody = ''): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const all = { host: '127.0.0.1', timeout: 10_000, ...options };
  const request = isEncrypted ? https.request({ ...all, rejectUnauthorized: false }, resolve) : http.request(all, resolve);
  request.on('error', reject).on('timeout', () => request.destroy(new Error(`did not answer within ${all.timeout} ms`)));
  request.end(requestBody);
  const answer = await promise;
  const chunks: Buffer[] = await answer.toArray();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.concat(chunks).toString('latin1'),
    reused: request.reusedSocket,
  };
}

/** Fields that every request of the case has, whoever sends it. */
export function hostFields({ hosts }: BenchCase): Record<string, string> {
  return hosts?.[0] === undefined ? {} : { host: hosts[0] };
}
