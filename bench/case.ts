import type { Target } from './target.ts';

/**
 * One kind of traffic to measure. A new case is a file in bench/cases/ and a line in its index. What a case needs from the
 * proxies becomes a field here, which the peers read when they write their configuration.
 */
export interface BenchCase {
  /** What `--cases` calls it. */
  readonly name: string;
  readonly title: string;
  /** Kept alive, unless `headers` asks for something else. */
  readonly connections: number;
  /** Length of the answer's body; the origin serves it at `pathOf`. */
  readonly answerBytes: number;
  /** Fields that the origin adds to its answer. Default 0. */
  readonly answerFields?: number;
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  /** Sent by the load tool besides its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Values of `Cookie`, which requests take in turn. Needs wrk. */
  readonly cookies?: readonly string[];
  /** Values of `Host`, which requests take in turn. Needs wrk. */
  readonly hosts?: readonly string[];
  /** Length of the request's body. Default 0, none. */
  readonly bodyBytes?: number;
  /** Clients speak TLS 1.3. Needs wrk. */
  readonly encrypted?: true;
  /** Proxies write a line per request to a file. */
  readonly accessLog?: true;
  /** Services that the proxies know by host, as `hostOf` names them, with `targetsPerService` targets each. Default: one for all hosts. */
  readonly services?: number;
  /** Default 2: V8 has compiled what is hot by then, and every pool of connections is full. */
  readonly warmUpSeconds?: number;
  /** Further client connections that have carried a request and are held open meanwhile. Default 0. */
  readonly idleConnections?: number;
  /** At a fixed rate, this share of what Sluice can carry; by default as fast as the proxy lets the clients. */
  readonly rateShare?: number;
  /** Worker processes of Sluice. Default 1. */
  readonly workers?: number;
  /** Peers that cost several times as much take part too. Elsewhere only when they are named. */
  readonly everyone?: true;
  /** What this case is about: `sluice-plain` takes part and does without it. */
  readonly feature?: string;
  readonly targets: readonly Target[];
}

export const targetsPerService = 10;

export function pathOf({ answerBytes, answerFields = 0 }: BenchCase): string {
  return `/bytes/${answerBytes}${answerFields > 0 ? `/fields/${answerFields}` : ''}`;
}

/** Counted from 0. */
export function hostOf(service: number): string {
  return `s${service}.bench.example`;
}
