import { isIPv4 } from 'node:net';

/** Where names are looked up. A failure is an error with a `code`, as node:dns has them. */
export interface NameResolver {
  /** @returns the addresses and how long each may be kept, in seconds */
  resolve4(name: string): Promise<readonly { readonly address: string; readonly ttl: number }[]>;
  resolve6(name: string): Promise<readonly { readonly address: string; readonly ttl: number }[]>;
  /** As all programs of this machine do it: with the hosts file, search domains and whatever else is set up. */
  lookup(name: string): Promise<readonly string[]>;
  close(): void;
}

export type Source = 'dns' | 'lookup';

export interface Answer {
  readonly kind: 'answer';
  readonly source: Source;
  /** At least one; sorted, IPv4 first. */
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

export interface NoAnswer {
  readonly kind: 'none';
  readonly cause: string;
}

/** A name with more addresses than this has the first of them, in their order, so that all of us choose the same. */
export const addressesMax = 64;

/** Looks a name up, in DNS first. `before` is its last answer: what of it could not be asked anew stays. */
export async function ask(resolver: NameResolver, name: string, before: Answer | undefined): Promise<Answer | NoAnswer> {
  // RFC 6761, section 6.3: these never belong to DNS.
  if (name === 'localhost' || name.endsWith('.localhost')) return await lookUp(resolver, name);
  const [v4, v6] = await Promise.all([family(resolver.resolve4(name)), family(resolver.resolve6(name))]);
  const fromDns = combine(v4, v6, before);
  if (fromDns.kind === 'answer' || before?.source === 'dns') return fromDns;
  // A name that DNS has known once stays with DNS: what a search domain makes of it might be somebody else's.
  const local = await lookUp(resolver, name);
  return local.kind === 'answer' ? local : fromDns;
}

type Family = { readonly records: readonly { readonly address: string; readonly ttl: number }[]; readonly failure: string | undefined };

/** That there are none of a kind is an answer, too; anything else that goes wrong says nothing. */
async function family(records: Promise<Family['records']>): Promise<Family> {
  try {
    return { records: await records, failure: undefined };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { records: [], failure: code === 'ENODATA' || code === 'ENOTFOUND' ? undefined : (code ?? message) };
  }
}

function combine(v4: Family, v6: Family, before: Answer | undefined): Answer | NoAnswer {
  const records = [...v4.records, ...v6.records];
  if (records.length === 0) return { kind: 'none', cause: v4.failure ?? v6.failure ?? 'no addresses' };
  const old = before?.source === 'dns' ? before.addresses : [];
  // Where only one kind could be asked, the addresses of the other kind stay.
  const kept = old.filter((address) => (isIPv4(address) ? v4 : v6).failure !== undefined);
  const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000;
  return { kind: 'answer', source: 'dns', addresses: ordered([...records.map(({ address }) => address), ...kept]), ttlMs };
}

async function lookUp(resolver: NameResolver, name: string): Promise<Answer | NoAnswer> {
  try {
    const addresses = ordered(await resolver.lookup(name));
    if (addresses.length > 0) return { kind: 'answer', source: 'lookup', addresses, ttlMs: 0 };
    return { kind: 'none', cause: 'no addresses' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'none', cause: code ?? message };
  }
}

/** Servers turn the order of their answers round: here it means nothing. */
function ordered(addresses: readonly string[]): string[] {
  const unique = [...new Set(addresses)].toSorted();
  return [...unique.filter(isIPv4), ...unique.filter((address) => !isIPv4(address))].slice(0, addressesMax);
}
