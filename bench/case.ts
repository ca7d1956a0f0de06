/**
 * One kind of traffic to measure. A new case is a file in bench/cases/ and a line in its index. What a case needs from the
 * proxies (TLS, an access log, a thousand services) becomes a field here, which the peers read when they write their configuration.
 */
export interface BenchCase {
  /** What `--cases` calls it. */
  readonly name: string;
  readonly title: string;
  /** Kept alive, unless `headers` asks for something else. */
  readonly connections: number;
  /** Length of the answer's body; the origin serves it at `pathOf`. */
  readonly answerBytes: number;
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  /** Sent by the load tool besides its own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Values of `Cookie`, which requests take in turn. Needs wrk. */
  readonly cookies?: readonly string[];
  /** Length of the request's body. Default 0, none. */
  readonly bodyBytes?: number;
}

export function pathOf(benchCase: BenchCase): string {
  return `/bytes/${benchCase.answerBytes}`;
}
