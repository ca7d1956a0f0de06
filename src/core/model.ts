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
  /** Undefined: connections are not encrypted. */
  readonly tls: ListenerTls | undefined;
  /** Requests are answered with a redirect to https at this port, and go nowhere else. Undefined: they are served. */
  readonly redirectToHttps: number | undefined;
  /** Networks in CIDR notation whose connections begin with a PROXY protocol header, version 1 or 2. Empty = nobody's do. */
  readonly proxyProtocol: readonly string[];
  /** Networks in CIDR notation of proxies in front of us, whose word on whom they speak for is taken. Empty = nobody's is. */
  readonly trustedProxies: readonly string[];
  /** Whether requests that have no (sane) X-Request-Id and traceparent are given them. */
  readonly requestIds: boolean;
  /** Whether a trace begins here for requests that bring none, or only those are passed on that come. Only where `requestIds`. */
  readonly traceContext: 'make' | 'pass';
}

/** How a listener encrypts. Files are named by path; what they hold travels in the snapshot, because keys are not for revisions to keep. */
export interface ListenerTls {
  /** At least one; which it is, its names decide. The first is for clients that ask for none of them, or for no name. */
  readonly certificates: readonly CertificateFiles[];
  readonly minVersion: '1.2' | '1.3';
  /** Certificates of clients. Undefined: they are not asked for any. */
  readonly clients: { readonly caFile: string; readonly required: boolean } | undefined;
}

/** Paths of PEM files: a certificate with the chain behind it, and its key. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How the targets of a pool that are reached over TLS (`https://`) are. */
export interface TargetTls {
  /** Whether certificates must be valid and made out to the target's name. */
  readonly verify: boolean;
  /** The name that is asked for and must be in the certificate; undefined = the host of the target's URL. */
  readonly serverName: string | undefined;
  /** A PEM file with who may have signed; undefined = whom Node trusts. */
  readonly caFile: string | undefined;
  /** What we show of ourselves; undefined = nothing. */
  readonly certificate: CertificateFiles | undefined;
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
  /** Open client connections over all worker processes, each of which takes its part. 0 = no limit but that of the system. */
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
  /** The pool that takes requests whose own pool has no available target; undefined = none does. Nothing falls back from it. */
  readonly fallback: string | undefined;
  /** Undefined: each request is split for itself. */
  readonly sticky: Sticky | undefined;
  /** The first that matches decides, before sticky and weights. */
  readonly overrides: readonly Override[];
  readonly mirrors: readonly Mirror[];
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
  /** Holds for all of its targets, together with their own: the stricter of the two. A pool that is not ready counts as of weight 0. */
  readonly state: OperatorState;
  /** Until when what runs may go on where the state is not `ready`, in ms since the epoch. Undefined = as long as it takes. */
  readonly drainUntilMs: number | undefined;
  readonly balance: Balance;
  /** Undefined: its targets are not probed, and count as healthy. */
  readonly health: HealthCheck | undefined;
  readonly ejection: EjectionPolicy;
  /** Share of the targets, 0 to 1: where no more than this are available, all that an operator has not taken out are used. 0: only where none is. */
  readonly panicShare: number;
  /** A target that becomes available is given its weight little by little over this time. 0 = at once. */
  readonly slowStartMs: number;
  readonly limits: PoolLimits;
  /** For those of its targets that are `encrypted`. */
  readonly tls: TargetTls;
}

/** One address in a pool. Its identity is service + pool + id: a new address under an old id is the same target, moved. */
export interface Target {
  readonly id: string;
  readonly address: SocketAddress;
  /** Reached over TLS: its URL says `https://`. */
  readonly encrypted: boolean;
  /** 0 to 1000, relative within the pool. 0 = known, but sent nothing. */
  readonly weight: number;
  readonly state: OperatorState;
  /** As in {@link Pool}. */
  readonly drainUntilMs: number | undefined;
}

/**
 * What an operator wants of a target or a pool. `drain`: nobody new; clients that are bound to it may stay until the deadline. `maint`:
 * nobody, at once. What runs may finish, until the deadline. Has nothing to do with health.
 */
export type OperatorState = 'ready' | 'drain' | 'maint';

/** Where a value that requests are told apart by is found. A request that does not have it has no key. */
export type RequestKey =
  | { readonly from: 'header' | 'query' | 'cookie'; readonly name: string }
  /** A claim of the JSON web token in `Authorization: Bearer …`. Not verified: it is for telling requests apart, not for trusting them. */
  | { readonly from: 'jwt'; readonly claim: string }
  /** The client's address. */
  | { readonly from: 'address' }
  /** The path without its query. */
  | { readonly from: 'path' };

/** How a target of a pool is chosen. */
export type Balance =
  | { readonly kind: 'round-robin' | 'least-requests' | 'p2c-ewma' | 'random' }
  /** Requests without the key go round robin. */
  | { readonly kind: 'hash'; readonly key: RequestKey };

/** Keeps each client in one pool while weights stand still. */
export interface Sticky {
  /** `own`: a signed cookie of ours with a random id, given to clients that have none. */
  readonly key: RequestKey | { readonly from: 'own'; readonly cookie: string };
  /** Whether clients also stay with one target of their pool, by a cookie of its own. */
  readonly target: boolean;
  /** What becomes of clients whose slot a shrinking pool gives away. `keep` only with our own cookie. */
  readonly onShrink: 'move' | 'keep';
  /** Of our cookies. */
  readonly maxAgeMs: number;
  readonly cookiePath: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** `auto`: where the client's connection is encrypted. */
  readonly secure: 'auto' | 'always';
}

/** Forces a pool for the requests that it matches. */
export interface Override {
  readonly match: OverrideMatch;
  readonly poolId: string;
}

export interface OverrideMatch extends RouteMatch {
  /** Networks in CIDR notation, one of which the client's address must be in. Empty = any. */
  readonly clients: readonly string[];
  /** Takes this share (0 to 1) of the values that the key has, always the same ones; not those without the key. */
  readonly percent: { readonly of: RequestKey; readonly share: number } | undefined;
}

/** Copies a share of the requests to a pool, whose answers nobody gets. */
export interface Mirror {
  readonly poolId: string;
  /** 0 to 1. */
  readonly share: number;
  /** Whether requests whose method may change something are copied too. */
  readonly unsafe: boolean;
}

/** How targets are probed. Probes come from the control process, one set for all workers. */
export interface HealthCheck {
  readonly kind: 'http' | 'https' | 'tcp';
  /** Path with query. For `tcp` of no use. */
  readonly path: string;
  readonly method: 'GET' | 'HEAD' | 'OPTIONS';
  /** The Host that is sent; undefined = the target's address. */
  readonly host: string | undefined;
  /** Undefined = the target's. */
  readonly port: number | undefined;
  /** Whether a certificate must be valid where the kind is `https`. */
  readonly verify: boolean;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many passes in a row make an unhealthy target healthy … */
  readonly rise: number;
  /** … and so many failures a healthy one unhealthy. */
  readonly fall: number;
  /** Ranges of status codes, inclusive. */
  readonly status: readonly { readonly from: number; readonly to: number }[];
  /** Fields that the answer must have, with these exact values. */
  readonly headers: readonly NameValue[];
  /** Text that the first 64 KiB of the answer must contain; '' = any. */
  readonly body: string;
  /** Whether the target may tell its own weight and state by `x-sluice-weight` on the answers to probes. */
  readonly agent: boolean;
}

/** When a target that fails real requests is left out for a while, by the worker that saw it. */
export interface EjectionPolicy {
  /** So many failures in a row, of the connection, not of the application. 0 = never. */
  readonly failures: number;
  /** How long the first time; then times 2, 3 … */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Of the pool's targets, 0 to 1, at most so many at a time; and never the last available one. */
  readonly maxShare: number;
}

/** Over all workers, each of which has its share. */
export interface PoolLimits {
  /** Of each target. 0 = no limit. */
  readonly maxConnections: number;
  /** Requests at the same time, of each target. 0 = no limit. */
  readonly maxInFlight: number;
  /** Requests of the pool that wait for one of its targets to have room. 0 = none waits. */
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
}

export interface RetryPolicy {
  /** How many further targets of the same pool may be tried when nothing reached the first. 0 = none. */
  readonly attempts: number;
  /** Whether a safe request that its pool could not answer may be answered by the fallback. */
  readonly rescue: boolean;
  /** Of the service's requests in flight in this worker, 0 to 1, at most so many may be retries at a time; three always may. */
  readonly budgetShare: number;
  /** Bytes of a request's body that are kept so that it can be sent again; a longer one is sent once. */
  readonly bodyBufferBytes: number;
  /** Whether PUT and DELETE, too, are sent again when nobody knows whether the first was carried out (RFC 9110 section 9.2.2: they may be). */
  readonly putDelete: boolean;
}

export interface ServiceTimeouts {
  /** From the start of a TCP connect to its end; answered with 504. */
  readonly connectMs: number;
  /** From the last byte of the request to the last byte of the answer's head; answered with 504. */
  readonly responseMs: number;
  /** Silence in both directions once the answer has begun, and during an upload. 0 = no limit. */
  readonly idleMs: number;
  /** Silence in both directions on a connection that was upgraded, such as a WebSocket; then it is closed. 0 = no limit. */
  readonly upgradedMs: number;
  /** From the request's head to the last byte of its answer. 0 = no limit. */
  readonly requestMs: number;
  /** How long what runs on a target may go on when the target is taken out or removed and nobody said otherwise. */
  readonly drainMs: number;
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
