import type { Problem } from '../src/core/errors.ts';
import type { Json, JsonObject } from '../src/core/json.ts';
import { formatAddress, readListenAddress, readTargetUrl } from './addresses.ts';
import { onlyPoolWeight } from './defaults.ts';
import { readId } from './names.ts';
import { quote } from './reading.ts';

export type InlineResult =
  | { readonly kind: 'valid'; readonly document: JsonObject }
  /** Pointers count the arguments (`/0`); the messages name them. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** The service that `sluice run blue=… green=…` makes. */
export const inlineServiceId = 'default';

/**
 * A document from arguments such as `blue=http://127.0.0.1:3001`: one service, the first pool with all the weight. A pool that is named
 * again gets another target. The document is as somebody would have typed it; `interpret` says what it means.
 */
export function inlineDocument(args: readonly string[], options: { readonly listen?: string | undefined } = {}): InlineResult {
  const problems: Problem[] = [];
  const pools = new Map<string, Map<string, string>>();
  for (const [index, argument] of args.entries()) {
    const equals = argument.indexOf('=');
    // What follows may hold a password; see readTargetUrl.
    const shown = argument.includes('@') ? `${argument.slice(0, equals + 1)}…` : argument;
    const report = (message: string): number => problems.push({ pointer: `/${index}`, message: `${quote(shown)}: ${message}` });
    if (equals < 0) {
      report(`expected POOL=URL such as blue=http://127.0.0.1:3001${argument.includes('://') ? `; write blue=${argument}` : ''}`);
      continue;
    }
    const pool = readId(argument.slice(0, equals));
    const target = readTargetUrl(argument.slice(equals + 1));
    if (!pool.ok) report(`before "=" ${pool.message}`);
    if (!target.ok) report(`after "=" ${target.message}`);
    if (!pool.ok || !target.ok) continue;
    const targets = pools.get(pool.value) ?? new Map<string, string>();
    pools.set(pool.value, targets);
    const id = formatAddress(target.value.address);
    if (targets.has(id)) report(`the pool ${quote(pool.value)} has this target already`);
    targets.set(id, argument.slice(equals + 1));
  }
  if (args.length === 0) problems.push({ pointer: '', message: 'expected at least one POOL=URL such as blue=http://127.0.0.1:3001' });
  if (options.listen !== undefined) {
    const address = readListenAddress(options.listen);
    if (!address.ok) problems.push({ pointer: '/listen', message: `--listen: ${address.message}` });
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  return { kind: 'valid', document: assemble(pools, options.listen) };
}

function assemble(pools: ReadonlyMap<string, ReadonlyMap<string, string>>, listen: string | undefined): JsonObject {
  const [first] = pools.keys();
  const service: Record<string, Json> = {
    pools: Object.fromEntries([...pools].map(([id, targets]) => [id, { targets: [...targets.values()] }])),
    weights: Object.fromEntries([...pools.keys()].map((id) => [id, id === first ? onlyPoolWeight : 0])),
  };
  return {
    ...(listen === undefined ? {} : { listeners: [{ name: 'web', address: listen }] }),
    services: { [inlineServiceId]: service },
  };
}
