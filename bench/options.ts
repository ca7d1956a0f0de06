import { parseArgs } from 'node:util';
import type { BenchCase } from './case.ts';
import { cases } from './cases/index.ts';
import type { Peer } from './peer.ts';
import { peers } from './peers/index.ts';

export interface Options {
  readonly cases: readonly BenchCase[];
  readonly peers: readonly Peer[];
  /** By `--peers`. */
  readonly arePeersNamed: boolean;
  readonly rounds: number;
  /** Of load per round. */
  readonly seconds: number;
  readonly jsonFile: string | undefined;
  readonly markdown: boolean;
  /** Write docs/performance.md. */
  readonly page: boolean;
  /** Results of before, to make the page of instead of measuring. */
  readonly from: readonly string[] | undefined;
  /** Instead of a contest, say where the time of a worker goes in this case. */
  readonly profile: BenchCase | undefined;
}

/** A mistake of the caller: its message and the usage are all there is to say. */
export class UsageError extends Error {}

export const usage = `npm run bench -- [options]

  --cases LIST     of ${cases.map((one) => one.name).join(',')} (default: all)
  --peers LIST     of ${peers.map((one) => one.name).join(',')}
                   (default: all but ${peers.flatMap((one) => (one.onlyWhenNamed ? one.name : [])).join(',')})
  --rounds N       rounds per case, peers taking turns within each (default 5)
  --seconds N      of load per peer and round (default 3)
  --json FILE      every round, for machines
  --markdown       the tables as Markdown
  --page           writes docs/performance.md
  --from FILES     no contest: the page from results of --json, one after the other
  --profile CASE   no contest: the functions in which a worker of Sluice spends its time`;

/** Undefined when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const profile = chosen('--profile', cases, values.profile)?.[0];
  return {
    profile,
    cases: profile === undefined ? (chosen('--cases', cases, values.cases) ?? cases) : [profile],
    peers: chosen('--peers', peers, values.peers) ?? peers.filter((peer) => peer.onlyWhenNamed !== true),
    arePeersNamed: values.peers !== undefined,
    rounds: positive('--rounds', values.rounds),
    seconds: positive('--seconds', values.seconds),
    jsonFile: values.json,
    markdown: values.markdown === true,
    page: values.page === true,
    from: values.from?.split(','),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        cases: { type: 'string' },
        peers: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '3' },
        json: { type: 'string' },
        markdown: { type: 'boolean' },
        page: { type: 'boolean' },
        from: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function chosen<T extends { readonly name: string }>(
  option: string,
  all: readonly T[],
  list: string | undefined,
): readonly T[] | undefined {
  return list?.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (found === undefined) throw new UsageError(`${option}: no "${name}"; there is ${all.map((one) => one.name).join(', ')}`);
    return found;
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${option}: expected a whole number from 1, got ${JSON.stringify(text)}`);
  return value;
}
