/**
 * Sticky clients of one service: which pool a client belongs to, and the cookies that say so.
 *
 * A client's key hashes to a slot, and the revision says whose slot that is. With a cookie of ours the key is a random id that we have given
 * to the client, signed. A cookie that is missing, forged, made for another service, signed by a key that is gone or too old makes a new
 * client. One that is older than half of its age, or signed by a key that no longer signs, is issued anew with the same id: who comes back
 * in time is never lost.
 *
 * Where a shrinking pool keeps its clients, the cookie says which pool the client was given to, and by which revision. The client stays
 * there although its slot has another owner, until the cookie is too old (it is not issued anew), the pool may no longer be used, or the pool
 * was rolled back since.
 */
import { hashText } from '../src/core/hash.ts';
import type { OperatorState, RequestKey } from '../src/core/model.ts';
import { readKey } from '../src/core/request-key.ts';
import type { RouteSubject } from '../src/core/routes.ts';
import { ownerOfSlot, serviceSeed, slotOf } from '../src/core/slots.ts';
import type { CompiledSticky, SigningKey } from '../src/core/snapshot.ts';
import { type ClientCookie, drawId, type KnownClient, readClient, signClient } from './sticky/client-cookie.ts';
import { CookieKeys } from './sticky/cookie-keys.ts';
import { type FoundTarget, TargetTokens } from './sticky/target-tokens.ts';

/** Where a client belongs. */
export interface Place {
  /** Of its key, 32 bits: the same for all requests of the client. */
  readonly hash: number;
  /** The index of its pool. */
  readonly pool: number;
  /** Whether it was there before, so that it may stay where nobody new is taken. */
  readonly isBound: boolean;
  /** Field lines for the answer, each with its CRLF; '' = the client has what it needs. */
  readonly setCookie: string;
  /** The id that it has just been given: to be passed in again with what it sent before it could know; '' = none. */
  readonly fresh: string;
}

/** What is known of a client beside its request. */
interface Client {
  readonly clientAddress: string;
  /** Whether its connection is encrypted. */
  readonly encrypted: boolean;
}

/** When and by which revision a request is handled. */
interface Context {
  readonly routing: { readonly revision: number };
  /** Since the epoch. */
  readonly wallMs: number;
  /** Gives numbers in [0, 1). */
  readonly random: () => number;
}

/** A pool as it is now. */
interface BindingPool<T = BindingTarget> {
  readonly targets: readonly T[];
}

interface BindingTarget {
  readonly id: string;
  readonly weight: number;
  readonly wanted: OperatorState;
  /** Since the epoch. */
  readonly drainUntilMs: number | undefined;
  readonly openToBound: boolean;
}

/** The pools of a service, by index, and the split that says which of them the next new client goes to. */
interface BindingService {
  readonly pools: readonly BindingPool[];
  readonly split: { pick(random: () => number): number };
}

/** What a known client was told last, as long as it is still true. */
interface Answer {
  /** The asker: the answer is no longer true for the next one. Not the asker itself, which would be kept in memory with its snapshot. */
  readonly asker: object;
  readonly untilMs: number;
  /** It is kept, so its pool has to be looked at each time. */
  readonly isKept: boolean;
  readonly place: Place;
}

/**
 * So many ids are drawn at most to find one that belongs to a certain pool: enough for one of 1% nearly always. As many are drawn on average as
 * there are pools, because a pool with a small share has seldom a turn.
 */
const drawsMax = 1024;

/** So many cookies of one name are looked at. */
const sameNameMax = 8;

/** The cookie that binds clients to a target where their key is no cookie of ours. */
const bareTargetCookie = 'sluice_t';

export class StickyClients {
  /** Whether clients stay with a target, too. */
  readonly bindsTargets: boolean;
  readonly #serviceId: string;
  readonly #policy: CompiledSticky;
  readonly #seed: number;
  readonly #keys: CookieKeys;
  /** By index of pool. */
  readonly #poolTags: readonly string[];
  readonly #tokens: TargetTokens;
  readonly #targetCookie: string;
  readonly #identity = {};
  /** Of the latest request that was placed. */
  #wallMs = 0;

  /**
   * @param signingKeys the list that the snapshot brought; with none there are no cookies of ours, and nobody is known by one
   * @param pools of the service, in the order that indices go by
   * @param previous the same service in the snapshot before: what was worked out there is not worked out again
   */
  constructor(
    serviceId: string,
    policy: CompiledSticky,
    signingKeys: readonly SigningKey[],
    pools: readonly { readonly id: string; readonly targets: readonly { readonly id: string }[] }[],
    previous?: StickyClients,
  ) {
    this.#serviceId = serviceId;
    this.#policy = policy;
    this.#seed = serviceSeed(serviceId);
    this.#keys = CookieKeys.of(signingKeys, previous && previous.#keys);
    this.#poolTags = pools.map(({ id }) => hashText(id, this.#seed).toString(36));
    this.#tokens = new TargetTokens(serviceId, pools, this.#keys, previous && previous.#tokens);
    this.#targetCookie = policy.key.from === 'own' ? `${policy.key.cookie}_t` : bareTargetCookie;
    this.bindsTargets = policy.target && this.#keys.first !== undefined;
  }

  /**
   * The client's place, or undefined where the request has no key.
   * @param fresh what the place before said that was found for this connection; '' = nothing
   */
  place(subject: RouteSubject, client: Client, fresh: string, context: Context, service: BindingService): Place | undefined {
    this.#wallMs = context.wallMs;
    const { key } = this.#policy;
    const { pools } = service;
    const place =
      key.from === 'own'
        ? this.#placeByCookie(subject, key.cookie, client.encrypted, fresh, context, service)
        : this.#placeByKey(subject, key, client.clientAddress, fresh);
    if (place === undefined || !this.bindsTargets || (place.setCookie === '' && key.from === 'own')) return place;
    const renewed = this.#renewTarget(subject, place, pools[place.pool]!, client.encrypted);
    return renewed === '' ? place : { ...place, setCookie: place.setCookie + renewed };
  }

  /** The target of the pool that the client is bound to. Whether it may still be used is for the caller to say. */
  boundTarget<T>(subject: RouteSubject, poolIndex: number, { targets }: BindingPool<T>): T | undefined {
    const found = this.#readTarget(subject, poolIndex)?.found;
    return found && targets[found.index];
  }

  /** The field line that binds a client to a target, from the time of the latest place on. There is one cookie, of the latest pool. */
  targetCookie(poolIndex: number, targetId: string, encrypted: boolean): string {
    const token = this.#tokens.tokenOf(poolIndex, targetId);
    if (token === '') return '';
    return this.#line(this.#targetCookie, `${token}.${secondsOf(this.#wallMs).toString(36)}`, secondsOf(this.#policy.maxAgeMs), encrypted);
  }

  #placeByKey(subject: RouteSubject, key: RequestKey, clientAddress: string, fresh: string): Place | undefined {
    const value = readKey(key, subject, clientAddress);
    if (value === undefined) return undefined;
    return { hash: hashText(value, this.#seed), pool: this.#ownerOf(value), isBound: false, setCookie: '', fresh };
  }

  #placeByCookie(
    subject: RouteSubject,
    name: string,
    encrypted: boolean,
    fresh: string,
    context: Context,
    service: BindingService,
  ): Place | undefined {
    const { pools } = service;
    const known = this.#readKnown(subject, name);
    if (known === undefined) return this.#placeNew(name, encrypted, fresh, context, service);
    const answer = known.answer as Answer | undefined;
    if (
      answer?.asker === this.#identity &&
      context.wallMs < answer.untilMs &&
      !(answer.isKept && !mayStay(pools[answer.place.pool]!, context.wallMs))
    ) {
      return answer.place;
    }
    if (context.wallMs >= known.issuedAt * 1000 + this.#policy.maxAgeMs) return this.#placeNew(name, encrypted, fresh, context, service);
    return this.#placeKnown(known, name, encrypted, context, pools);
  }

  /**
   * Browsers send several cookies of one name where others were set for a parent domain or a longer path, and theirs may come first: it is the
   * first one of ours that counts.
   */
  #readKnown(subject: RouteSubject, name: string): KnownClient | undefined {
    for (let place = 0; place < sameNameMax; place++) {
      const value = subject.cookie(name, place);
      if (value === undefined) return undefined;
      const known = readClient(value, this.#serviceId, this.#keys);
      if (known !== undefined) return known;
    }
    return undefined;
  }

  #placeNew(
    name: string,
    encrypted: boolean,
    fresh: string,
    { routing, wallMs, random }: Context,
    service: BindingService,
  ): Place | undefined {
    if (this.#keys.first === undefined) return undefined;
    const id = fresh === '' ? this.#drawIdFor(service.split.pick(random), random) : fresh;
    const pool = this.#ownerOf(id);
    const cookie = this.#cookieFor(id, pool, routing.revision, wallMs);
    return {
      hash: hashText(id, this.#seed),
      pool,
      isBound: false,
      setCookie: this.#clientLine(name, cookie, encrypted),
      fresh: id,
    };
  }

  /** An id that belongs to this pool, so that new clients are split as exactly as requests without a key are. */
  #drawIdFor(pool: number, random: () => number): string {
    let id = drawId(random);
    for (let draw = 1; draw < drawsMax && this.#ownerOf(id) !== pool; draw++) id = drawId(random);
    return id;
  }

  #placeKnown(known: KnownClient, name: string, encrypted: boolean, { routing, wallMs }: Context, pools: readonly BindingPool[]): Place {
    const { id } = known;
    const { onShrink, maxAgeMs } = this.#policy;
    const owner = this.#ownerOf(id);
    const given = this.#givenPool(known);
    const isKept = onShrink === 'keep' && given >= 0 && given !== owner && mayStay(pools[given]!, wallMs);
    // A cookie that says no pool is as good as one that says the right one, unless pools keep their clients.
    const isRight = given === owner || (known.pool === '' && onShrink === 'move');
    const expiresAtMs = known.issuedAt * 1000 + maxAgeMs;
    const untilMs = isKept ? expiresAtMs : expiresAtMs - maxAgeMs / 2;

    let cookie: ClientCookie | undefined;
    if (isKept) cookie = known.isCurrent ? undefined : known;
    else if (!isRight || !known.isCurrent || wallMs >= untilMs) cookie = this.#cookieFor(id, owner, routing.revision, wallMs);
    const setCookie = cookie === undefined ? '' : this.#clientLine(name, cookie, encrypted);

    const isBound = isKept || isRight || known.pool === '';
    const place = { hash: hashText(id, this.#seed), pool: isKept ? given : owner, isBound, setCookie, fresh: '' };
    if (setCookie === '') known.answer = { asker: this.#identity, untilMs, isKept, place } satisfies Answer;
    return place;
  }

  /** The index of the pool that the client was given to, as far as that still holds; or -1. */
  #givenPool({ pool, revision }: KnownClient): number {
    const given = pool === '' ? -1 : this.#poolTags.indexOf(pool);
    return given >= 0 && revision >= this.#policy.keptSince[given]! ? given : -1;
  }

  #ownerOf(key: string): number {
    const { slotEnds, slotPools } = this.#policy;
    return slotPools[ownerOfSlot(slotEnds, slotOf(key, this.#seed))]!;
  }

  #cookieFor(id: string, pool: number, revision: number, wallMs: number): ClientCookie {
    return { id, pool: this.#policy.onShrink === 'keep' ? this.#poolTags[pool]! : '', revision, issuedAt: secondsOf(wallMs) };
  }

  #clientLine(name: string, cookie: ClientCookie, encrypted: boolean): string {
    // One that is signed anew for a client that is kept lives no longer than the one before.
    const maxAge = Math.max(1, cookie.issuedAt + secondsOf(this.#policy.maxAgeMs) - secondsOf(this.#wallMs));
    return this.#line(name, signClient(cookie, this.#serviceId, this.#keys.first!), maxAge, encrypted);
  }

  /** RFC 6265 section 4.1. @param maxAge in seconds */
  #line(name: string, value: string, maxAge: number, encrypted: boolean): string {
    const { cookiePath, sameSite, secure } = this.#policy;
    const attributes = `Path=${cookiePath}; Max-Age=${maxAge}; HttpOnly; SameSite=${sameSiteWords[sameSite]}`;
    return `set-cookie: ${name}=${value}; ${attributes}${encrypted || secure === 'always' ? '; Secure' : ''}\r\n`;
  }

  /** The cookie anew where it is getting old, was signed by a key that no longer signs, or where that of the client is issued anew, too. */
  #renewTarget(subject: RouteSubject, place: Place, pool: BindingPool, encrypted: boolean): string {
    const read = this.#readTarget(subject, place.pool);
    if (read === undefined || pool.targets[read.found.index]?.openToBound !== true) return '';
    const isOld = this.#wallMs >= read.issuedAt * 1000 + this.#policy.maxAgeMs / 2;
    return place.setCookie !== '' || isOld || !read.found.isCurrent ? this.targetCookie(place.pool, read.found.id, encrypted) : '';
  }

  /** What the client's cookie says of its target: `TOKEN.ISSUED`, the latter in seconds since the epoch, base 36. It is not signed, and only of use to the client. */
  #readTarget(subject: RouteSubject, pool: number): { readonly found: FoundTarget; readonly issuedAt: number } | undefined {
    for (let place = 0; place < sameNameMax; place++) {
      const value = subject.cookie(this.#targetCookie, place);
      if (value === undefined) return undefined;
      const [token, issuedAt] = value.split('.');
      const found = this.#tokens.find(token!, pool);
      if (found !== undefined) return { found, issuedAt: Number.parseInt(issuedAt ?? '', 36) || 0 };
    }
    return undefined;
  }
}

const sameSiteWords = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}

/** Whether a pool still serves those who were there: one of its targets is neither in maintenance nor past the deadline of its drain. */
function mayStay({ targets }: BindingPool, wallMs: number): boolean {
  return targets.some(
    ({ weight, wanted, drainUntilMs }) =>
      weight > 0 && (wanted === 'ready' || (wanted === 'drain' && (drainUntilMs === undefined || wallMs < drainUntilMs))),
  );
}
