/**
 * The model: what the configuration means, with every default filled in, every unit fixed and every name resolved.
 *
 * The edge (`config/`) turns a document that a person wrote into this; past that line nobody checks again. All of it is
 * plain, immutable data. Units are in the names; `0` means "no limit" where a comment says so.
 */
export interface Model {
  /** At least one; names and addresses are unique. */
  readonly listeners: readonly Listener[];
  /** In the order of the document; ids are unique. */
  readonly services: readonly Service[];
  /** In the order of the document, which breaks ties between routes that are equally specific. */
  readonly routes: readonly Route[];
}

/** Where clients connect. */
export interface Listener {
  readonly name: string;
  readonly address: SocketAddress;
  readonly timeouts: ListenerTimeouts;
  readonly limits: ListenerLimits;
}

/** A TCP address to listen on or to connect to. */
export interface SocketAddress {
  /** An IPv4 or IPv6 address without brackets, or (for a target) a DNS name. `0.0.0.0` and `::` listen everywhere. */
  readonly host: string;
  /** 0 to 65535; 0 asks the system for a free port and is only of use to listeners. */
  readonly port: number;
}

export interface ListenerTimeouts {
  /** From the first byte of a request head to its last; answered with 408. */
  readonly headMs: number;
  /** How long a connection may stay idle between two requests. */
  readonly keepAliveMs: number;
  /** How long a client may leave us with bytes that it does not read. */
  readonly writeMs: number;
}

export interface ListenerLimits {
  /** Request line and fields together. */
  readonly headBytes: number;
  /** Field lines in one head, and again in one trailer section. */
  readonly fields: number;
  /** Open client connections per worker process. 0 = no limit. */
  readonly connections: number;
  /** Open connections of one client address per worker process. 0 = no limit. */
  readonly connectionsPerClient: number;
  /** Bytes of one request body. 0 = no limit. */
  readonly bodyBytes: number;
}

/** The largest weight of a pool: sums stay exact, and nobody needs finer shares than one in a million. */
export const weightMax = 1_000_000;

/** The application being released. */
export interface Service {
  readonly id: string;
  /** At least one. */
  readonly pools: readonly Pool[];
  /** One entry per pool: a non-negative integer, relative to the sum of all. The sum may be 0: then every request gets 503 `no_weight`. */
  readonly weights: Readonly<Record<string, number>>;
  readonly retry: RetryPolicy;
  readonly timeouts: ServiceTimeouts;
  /** Whether answers carry x-sluice-revision, x-sluice-pool and x-sluice-target. */
  readonly debugHeaders: boolean;
}

/** One version of a service: blue, green, canary. */
export interface Pool {
  readonly id: string;
  /** May be empty: a pool that waits for its targets. */
  readonly targets: readonly Target[];
}

/** One address in a pool. Its identity is service + pool + id: a new address under an old id is the same target, moved. */
export interface Target {
  readonly id: string;
  readonly address: SocketAddress;
  /** 0 to 1000, relative within the pool. 0 = known, but sent nothing. */
  readonly weight: number;
}

export interface RetryPolicy {
  /** How many further targets of the same pool may be tried when nothing reached the first. 0 = none. */
  readonly attempts: number;
}

export interface ServiceTimeouts {
  /** From the start of a TCP connect to its end; answered with 504. */
  readonly connectMs: number;
  /** From the last byte of the request to the last byte of the answer's head; answered with 504. */
  readonly responseMs: number;
  /** Silence in both directions once the answer has begun, and during an upload. 0 = no limit. */
  readonly idleMs: number;
  /** From the request's head to the last byte of its answer. 0 = no limit. */
  readonly requestMs: number;
}

/** Sends the requests that it matches to a service. */
export interface Route {
  readonly match: RouteMatch;
  readonly serviceId: string;
}

/** All given conditions must hold. An empty match takes every request. */
export interface RouteMatch {
  /** Lower case, without port. `exact` names one host; `suffix` (written `*.example.com`) takes any number of labels in front of it. */
  readonly host?: { readonly kind: 'exact' | 'suffix'; readonly value: string };
  /** `prefix` (written `/api/*`) takes `/api`, `/api/` and all below; its value is kept without the final slash ('' = every path). */
  readonly path?: { readonly kind: 'exact' | 'prefix'; readonly value: string };
  /** Upper case as sent. Empty = any. */
  readonly methods: readonly string[];
  /** Field name in lower case and the exact value wanted. */
  readonly headers: readonly NameValue[];
  /** Query parameter, decoded, and the exact value wanted. */
  readonly query: readonly NameValue[];
  /** Cookie and the exact value wanted. */
  readonly cookies: readonly NameValue[];
}

export interface NameValue {
  readonly name: string;
  readonly value: string;
}
