/**
 * The cookie that tells a client from others: `1.ID.POOL.REVISION.ISSUED.KEY.MAC`.
 *
 * ID is 96 random bits in base64url. POOL is a hash of the id of the pool that the client was given to, because ids are nobody else's
 * business and places in a list change; it is empty where clients are not kept. REVISION gave it to that pool. ISSUED is in seconds since
 * the epoch. Numbers are in base 36. KEY is the id of the key that MAC was made with, over everything before it and the id of the service: a
 * cookie of one service says nothing to another.
 */
import { type CookieKey, type CookieKeys, keyIdSyntax, macLength } from './cookie-keys.ts';

export interface ClientCookie {
  readonly id: string;
  /** As {@link poolTag} gives it; '' = none. */
  readonly pool: string;
  readonly revision: number;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
}

/** What a worker remembers of a cookie that was found to be good. */
export interface KnownClient extends ClientCookie {
  /** Of the cookie. */
  readonly value: string;
  readonly serviceId: string;
  /** Whether the key that signs now has signed it. */
  readonly isCurrent: boolean;
  /** Worked out by whoever asked last; see `StickyClients`. */
  answer: object | undefined;
}

/** Of a value of the right syntax, behind its `1`. */
type Parts = [id: string, pool: string, revision: string, issuedAt: string, keyId: string, mac: string];

const syntax = new RegExp(
  `^1\\.[A-Za-z0-9_-]{16}\\.[0-9a-z]{0,7}\\.[0-9a-z]{1,11}\\.[0-9a-z]{1,11}\\.${keyIdSyntax}\\.[A-Za-z0-9_-]{${macLength}}$`,
);

export function signClient({ id, pool, revision, issuedAt }: ClientCookie, serviceId: string, key: CookieKey): string {
  const text = `1.${id}.${pool}.${revision.toString(36)}.${issuedAt.toString(36)}.${key.id}`;
  return `${text}.${key.mac('client', serviceId, text)}`;
}

/** The client that the cookie tells of; undefined where it is not of this service, or not as we have signed it. */
export function readClient(value: string, serviceId: string, keys: CookieKeys): KnownClient | undefined {
  // By its MAC, which is shorter than the whole, and as good: nobody comes nearer to one by what a look-up takes.
  const remembered = keys.clients.get(value.slice(-macLength));
  if (remembered?.value === value) return remembered.serviceId === serviceId ? remembered : undefined;
  if (!syntax.test(value)) return undefined;
  // What is remembered must not hold on to the whole head that the value is a slice of.
  return verifyClient(Buffer.from(value, 'latin1').toString('latin1'), serviceId, keys);
}

function verifyClient(value: string, serviceId: string, keys: CookieKeys): KnownClient | undefined {
  const [id, pool, revision, issuedAt, keyId, mac] = value.split('.').slice(1) as Parts;
  const key = keys.find(keyId);
  if (key === undefined || !key.verify(mac, 'client', serviceId, value.slice(0, -1 - macLength))) return undefined;
  const client: KnownClient = {
    value,
    id,
    pool,
    revision: Number.parseInt(revision, 36),
    issuedAt: Number.parseInt(issuedAt, 36),
    serviceId,
    isCurrent: key.isFirst,
    answer: undefined,
  };
  keys.clients.set(mac, client);
  return client;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** 96 random bits in base64url. They need not be secret: nobody else can sign them. @param random gives numbers in [0, 1) */
export function drawId(random: () => number): string {
  let id = '';
  for (let group = 0; group < 4; group++) {
    const bits = Math.floor(random() * 2 ** 24);
    for (let shift = 18; shift >= 0; shift -= 6) id += alphabet.charAt((bits >>> shift) & 63);
  }
  return id;
}
