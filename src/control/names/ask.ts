import { isIPv4 } from 'node:net';

/** Where names are looked up. A failure is an error with a `code`, as node:dns has them. */
export interface NameResolver {
  /** @returns the addresses and how long each may be kept, in seconds */
  resolve4(name: string): Promise<readonly { readonly address: string; readonly ttl: number }[]>;
  resolve6(name: string): Promise<readonly { readonly address: string; readonly ttl: number }[]>;
  /** What the hosts file of this machine says, which is what somebody has pinned here; none where the name is not in it. */
  hosts(name: string): readonly string[];
  /** As all programs of this machine do it: with the hosts file, search domains and whatever else is set up. */
  lookup(name: string): Promise<readonly string[]>;
  close(): void;
}

export type Source = 'hosts' | 'dns' | 'lookup';

/** What is known of a name. */
export interface Known {
  /** `before`: the control process before this one has found it, nobody knows where. */
  readonly source: Source | 'before';
  /** At least one; sorted, IPv4 first. */
  readonly addresses: readonly string[];
}

export interface Answer extends Known {
  readonly kind: 'answer';
  readonly source: Source;
  /** 0 where it did not come from DNS. */
  readonly ttlMs: number;
  /** Only one kind of addresses could be asked for: there may be more. */
  readonly isPartial: boolean;
}

export interface NoAnswer {
  readonly kind: 'none';
  readonly cause: string;
}

/** A name with more addresses than this has the first of them, in their order, so that all of us choose the same. */
export const addressesMax = 64;

/**
 * Looks a name up: in the hosts file, then in DNS, then as all programs of this machine do it. `before` is what is known of it: what of that
 * could not be asked anew stays.
 *
 * Workers that connect to a name which is not resolved yet go by the machine's rules, and those begin with the hosts file nearly everywhere. So it counts
 * before DNS here, too: what an operator has pinned on this machine is where the traffic goes, from the first request on. The file itself
 * is read, rather than the machine's answer compared with that of DNS: an address of several may be pinned, and servers that rotate answer every
 * question differently. DNS counts before the machine's other rules because it says how long an answer is good.
 */
export async function ask(resolver: NameResolver, name: string, before: Known | undefined): Promise<Answer | NoAnswer> {
  // RFC 6761, section 6.3: these never belong to DNS.
  if (name === 'localhost' || name.endsWith('.localhost')) return await lookUp(resolver, name);
  const pinned = ordered(resolver.hosts(name));
  if (pinned.length > 0) return { kind: 'answer', source: 'hosts', addresses: pinned, ttlMs: 0, isPartial: false };
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

function combine(v4: Family, v6: Family, before: Known | undefined): Answer | NoAnswer {
  const records = [...v4.records, ...v6.records];
  if (records.length === 0) return { kind: 'none', cause: v4.failure ?? v6.failure ?? 'no addresses' };
  const old = before?.source === 'dns' || before?.source === 'before' ? before.addresses : [];
  // Where only one kind could be asked, the addresses of the other kind stay.
  const kept = old.filter((address) => (isIPv4(address) ? v4 : v6).failure !== undefined);
  const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1000;
  const addresses = ordered([...records.map(({ address }) => address), ...kept]);
  return { kind: 'answer', source: 'dns', addresses, ttlMs, isPartial: (v4.failure ?? v6.failure) !== undefined };
}

async function lookUp(resolver: NameResolver, name: string): Promise<Answer | NoAnswer> {
  try {
    const addresses = ordered(await resolver.lookup(name));
    if (addresses.length > 0) return { kind: 'answer', source: 'lookup', addresses, ttlMs: 0, isPartial: false };
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
