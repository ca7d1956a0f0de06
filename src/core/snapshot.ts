/**
 * A snapshot: the compiled form of one revision, ready for the data plane.
 *
 * Plain, immutable and structured-cloneable, because it travels between processes. What costs something is computed here,
 * once per revision, and not per request; but what is large is compiled by each worker for itself, so that a snapshot stays small.
 */
import { effectiveWeights } from './effective-weights.ts';
import type {
  Balance,
  EjectionPolicy,
  Listener,
  Model,
  OperatorState,
  OverrideMatch,
  Pool,
  PoolLimits,
  RetryPolicy,
  Route,
  Service,
  ServiceTimeouts,
  SocketAddress,
  Sticky,
  Target,
  TargetTls,
} from './model.ts';
import { identityOf, namedFiles } from './named-files.ts';
import { moveSlots, type SlotTable, type SlotTables } from './slots.ts';

export interface Snapshot {
  readonly revision: number;
  /** Limits and time-outs by listener; the addresses themselves are fixed while the process runs. */
  readonly listeners: readonly Listener[];
  readonly services: readonly CompiledService[];
  /** In the order of the document; the data plane indexes them (see `compileRoutes`). */
  readonly routes: readonly Route[];
  /** The first signs, all verify. */
  readonly signingKeys: readonly SigningKey[];
  /** What the names of targets had been resolved to when this was compiled; for a control process that comes while DNS is away. */
  readonly addresses: ResolvedNames;
  /** What stands in the files that listeners and pools name. */
  readonly files: FileTexts;
  /** What every worker seals TLS session tickets with, 48 bytes in base64; '' = each worker uses one of its own. */
  readonly ticketKey: string;
}

/**
 * By identity (see `identityOf`): PEM texts, in the order of the paths. Always of all of them, as they were read together: by path alone, a
 * certificate could come beside a key that somebody else has read at another time.
 */
export type FileTexts = ReadonlyMap<string, readonly string[]>;

/** By name, in lower case: the addresses that it has been resolved to, at least one. Names that are missing are left to the workers. */
export type ResolvedNames = ReadonlyMap<string, readonly string[]>;

/** What cookies of ours are signed with. */
export interface SigningKey {
  /** Short; stands in the cookie. */
  readonly id: string;
  /** 32 bytes in base64url. */
  readonly secret: string;
}

export interface CompiledService {
  readonly id: string;
  readonly pools: readonly CompiledPool[];
  readonly retry: RetryPolicy;
  readonly timeouts: ServiceTimeouts;
  readonly debugHeaders: boolean;
  /** An index into `pools`, or -1. */
  readonly fallback: number;
  readonly sticky: CompiledSticky | undefined;
  readonly overrides: readonly { readonly match: OverrideMatch; readonly pool: number }[];
  readonly mirrors: readonly { readonly pool: number; readonly share: number; readonly unsafe: boolean }[];
}

export interface CompiledSticky extends Sticky {
  /** Runs of slots with one owner, in order: where each ends (exclusive), and the index of the pool that owns it. */
  readonly slotEnds: readonly number[];
  readonly slotPools: readonly number[];
  /** By index of pool: assignments from before this revision are not kept. */
  readonly keptSince: readonly number[];
}

export interface CompiledPool {
  readonly id: string;
  /** The pool's share of new requests is `weight / sum of weights`; 0 = none. 0, too, where an operator has taken it out. */
  readonly weight: number;
  readonly targets: readonly CompiledTarget[];
  readonly balance: Balance;
  readonly ejection: EjectionPolicy;
  readonly panicShare: number;
  readonly slowStartMs: number;
  readonly limits: PoolLimits;
  readonly tls: TargetTls;
}

export interface CompiledTarget {
  /** Of a target whose name has been resolved: `id@address`, one for each address. */
  readonly id: string;
  readonly address: SocketAddress;
  /** The name for which its certificate must be good, where it is reached over TLS; undefined = it is reached in the clear. */
  readonly serverName: string | undefined;
  readonly weight: number;
  /** Its own and that of its pool: the stricter. */
  readonly state: OperatorState;
  /** Until when what runs may go on where the state is not `ready`; ms since the epoch. */
  readonly drainUntilMs: number | undefined;
}

/** What a snapshot is made of beside the document. */
export interface Surroundings {
  /** The slots as they are saved with the revision. A sticky service without any begins anew. */
  readonly slots: SlotTables;
  readonly addresses: ResolvedNames;
  readonly signingKeys: readonly SigningKey[];
  readonly files: FileTexts;
  readonly ticketKey: string;
}

export const bareSurroundings: Surroundings = { slots: {}, addresses: new Map(), signingKeys: [], files: new Map(), ticketKey: '' };

export function compileSnapshot(
  model: Model,
  revision: number,
  { slots, addresses, signingKeys, files, ticketKey }: Surroundings = bareSurroundings,
): Snapshot {
  return {
    revision,
    listeners: model.listeners,
    services: model.services.map((service) => compileService(service, ownEntry(slots, service.id), addresses)),
    routes: model.routes,
    signingKeys,
    addresses: addressesIn(model, addresses),
    files: filesIn(model, files),
    ticketKey,
  };
}

/** Of the names that targets have: others may be known still, or already. */
function addressesIn({ services }: Model, known: ResolvedNames): ResolvedNames {
  const hosts = services.flatMap(({ pools }) => pools.flatMap(({ targets }) => targets.map(({ address }) => address.host)));
  return new Map([...new Set(hosts)].flatMap((host) => (known.has(host) ? [[host, known.get(host)!]] : [])));
}

/** A key that nobody needs any more goes nowhere. */
function filesIn(model: Model, known: FileTexts): FileTexts {
  const identities = new Set(namedFiles({}, model).map(identityOf));
  return new Map([...identities].flatMap((identity) => (known.has(identity) ? [[identity, known.get(identity)!]] : [])));
}

function compileService(service: Service, slots: SlotTable | undefined, addresses: ResolvedNames): CompiledService {
  const { id, retry, timeouts, debugHeaders, fallback } = service;
  const weights = effectiveWeights(service);
  const indexOf = (poolId: string | undefined): number => service.pools.findIndex((pool) => pool.id === poolId);
  return {
    id,
    pools: service.pools.map((pool, index) => compilePool(pool, weights[index]!.weight, addresses)),
    retry,
    timeouts,
    debugHeaders,
    fallback: indexOf(fallback),
    sticky: service.sticky && compileSticky(service, service.sticky, slots ?? moveSlots(undefined, weights, 0)),
    overrides: service.overrides.map(({ match, poolId }) => ({ match, pool: indexOf(poolId) })),
    mirrors: service.mirrors.map(({ poolId, share, unsafe }) => ({ pool: indexOf(poolId), share, unsafe })),
  };
}

function compilePool(pool: Pool, weight: number, addresses: ResolvedNames): CompiledPool {
  const { id, balance, ejection, panicShare, slowStartMs, limits, tls } = pool;
  const targets = pool.targets.flatMap((target) => compileTarget(target, pool, addresses.get(target.address.host)));
  return { id, weight, targets, balance, ejection, panicShare, slowStartMs, limits, tls };
}

function compileTarget(
  { id, address, encrypted, weight, ...own }: Target,
  pool: Pool,
  resolved: readonly string[] | undefined,
): CompiledTarget[] {
  const state = stricter(own.state, pool.state);
  const drainUntilMs = earlier(own.drainUntilMs, pool.drainUntilMs);
  const serverName = encrypted ? (pool.tls.serverName ?? address.host) : undefined;
  const rest = { serverName, weight, state, drainUntilMs };
  if (resolved === undefined) return [{ id, address, ...rest }];
  return resolved.map((host) => ({ id: `${id}@${host}`, address: { host, port: address.port }, ...rest }));
}

/**
 * What the document has for a target of a snapshot: the one of this id, or the one whose name has been resolved to what stands behind the last @.
 * @param written what the pool has in the document, by id
 */
export function writtenTarget<T>(written: ReadonlyMap<string, T>, compiledId: string): T | undefined {
  const at = compiledId.lastIndexOf('@');
  return written.get(compiledId) ?? (at < 0 ? undefined : written.get(compiledId.slice(0, at)));
}

const strictness: readonly OperatorState[] = ['ready', 'drain', 'maint'];

/** Whichever of two words sends a target less. */
export function stricter(a: OperatorState, b: OperatorState): OperatorState {
  return strictness.indexOf(a) >= strictness.indexOf(b) ? a : b;
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function compileSticky({ pools }: Service, sticky: Sticky, { runs, keptSince }: SlotTable): CompiledSticky {
  const slotEnds: number[] = [];
  const slotPools: number[] = [];
  let end = 0;
  for (const { length, owners } of runs) {
    end += length;
    const pool = pools.findIndex(({ id }) => id === owners.at(-1)!.pool);
    if (slotPools.at(-1) === pool) slotEnds[slotEnds.length - 1] = end;
    else {
      slotEnds.push(end);
      slotPools.push(pool);
    }
  }
  return { ...sticky, slotEnds, slotPools, keptSince: pools.map(({ id }) => ownEntry(keptSince, id) ?? 0) };
}

/** A pool may be called "constructor"; what every object inherits is nobody's. */
function ownEntry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
