import { Agent, request } from 'undici';
import { printable } from '../../config/reading.ts';
import type { Json } from '../core/json.ts';
import { CommandError, exitCodes, type FailureDocument } from './exit-codes.ts';

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8081`, without a slash at the end. */
  readonly admin: string;
  readonly token: string | undefined;
  /** How long the server may wait for its workers. The client waits a little longer, so that it hears who was late. */
  readonly timeoutMs: number;
}

export interface CallOptions {
  readonly body?: Json;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Beyond the server's own time-out. Milliseconds. */
const patienceMs = 2000;

/** Calls the admin API of a running Sluice. What it refuses, or does not answer, becomes a {@link CommandError}. */
export class AdminClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Resolves with the answer's body, which is what the API's documentation says it is. */
  async call<Body>(method: 'GET' | 'PUT' | 'PATCH' | 'POST', path: string, options: CallOptions = {}): Promise<Body> {
    const { admin, token, timeoutMs } = this.#options;
    const url = new URL(admin + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const agent = new Agent({ connect: { timeout: Math.max(timeoutMs, 1) } });
    try {
      const response = await request(url, {
        method,
        dispatcher: agent,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal: AbortSignal.timeout(timeoutMs + patienceMs),
      });
      return understand(response.statusCode, await response.body.text(), url) as Body;
    } catch (error) {
      throw this.#explain(error);
    } finally {
      await agent.destroy();
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof CommandError || !(error instanceof Error)) return error;
    const { admin, timeoutMs } = this.#options;
    const code = codeOf(error);
    if (error.name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      return new CommandError(
        `The admin API at ${admin} did not answer within ${(timeoutMs + patienceMs) / 1000} s. If this was a change, "sluice status" shows whether it was applied; --timeout waits longer.`,
        exitCodes.timedOut,
      );
    }
    if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') {
      return new CommandError(
        `The admin API at ${admin} broke the connection off before it answered. If this was a change, "sluice status" shows whether it was applied.`,
        exitCodes.failed,
      );
    }
    return new CommandError(
      `The admin API at ${admin} cannot be reached (${code ?? error.message}). Start Sluice with "sluice run -c sluice.yaml", or say where it is with --admin URL or SLUICE_ADMIN.`,
      exitCodes.unreachable,
    );
  }
}

function understand(status: number, text: string, url: URL): Readonly<Record<string, unknown>> {
  const body = parse(text);
  if (status < 400 && isRecord(body)) return body;
  if (status >= 400 && isRecord(body) && isProblem(body)) throw problemError(status, body);
  const start = printable(text.slice(0, 80).replaceAll(/\s+/g, ' '));
  throw new CommandError(
    `${url.origin} answered ${status} ${start === '' ? 'with nothing' : `"${start}"`}, which is not the admin API of Sluice. Check --admin; the default is http://127.0.0.1:8081.`,
    exitCodes.failed,
  );
}

/** The problem document of the API. */
interface ProblemBody extends FailureDocument {
  readonly problems?: readonly { readonly pointer?: string; readonly documentPointer?: string; readonly message: string }[];
}

function isProblem(body: Readonly<Record<string, unknown>>): body is ProblemBody {
  const { code, detail, problems } = body;
  return typeof code === 'string' && typeof detail === 'string' && (problems === undefined || Array.isArray(problems));
}

function problemError(status: number, body: ProblemBody): CommandError {
  const lines = (body.problems ?? []).map(({ pointer, documentPointer, message }) => {
    const place = documentPointer === undefined ? pointer || '/' : `${documentPointer} of the configuration`;
    return printable(`  ${place}: ${message}`);
  });
  const hint = status === 401 ? ' Give one with --token or SLUICE_TOKEN.' : '';
  return new CommandError([printable(body.detail) + hint, ...lines].join('\n'), status >= 500 ? exitCodes.failed : exitCodes.refused, body);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Node reports a refused connect to a host with several addresses as an AggregateError, whose `code` may sit on its cause. */
function codeOf(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  return error.cause instanceof Error ? codeOf(error.cause) : undefined;
}
