import { mkdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathOf, type BenchCase } from './case.ts';
import { freePort, startChild, type Child } from './child.ts';
import type { LoadTool } from './load.ts';
import type { Peer } from './peer.ts';
import type { CaseResult } from './report.ts';
import { failedRound, measure, summarise, type Round } from './round.ts';
import { verify } from './verify.ts';

export interface Contest {
  readonly benchCase: BenchCase;
  readonly peers: readonly Peer[];
  readonly originPort: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly load: LoadTool;
  readonly proxyCore: number | undefined;
  readonly dir: string;
}

interface Contestant {
  readonly peer: Peer;
  readonly port: number;
  readonly child: Child;
  readonly rounds: Round[];
}

/** Long enough for V8 to have compiled what is hot, and for every pool of connections to be full. */
export const warmUpSeconds = 2;

/** Runs one case over all peers. Those that cannot take part are told by `note` and left out; the others go on. */
export async function runContest(contest: Contest, note: (text: string) => void): Promise<CaseResult> {
  const contestants: Contestant[] = [];
  try {
    for (const peer of entrants(contest.peers, contest.benchCase)) {
      const contestant = await enter(peer, contest, note);
      if (contestant !== undefined) contestants.push(contestant);
    }
    for (const one of contestants) await warmUp(one, contest, note);
    // A B C, A B C: what disturbs the machine for some seconds hits one round of each rather than all rounds of one.
    for (let index = 0; index < contest.rounds; index += 1) {
      for (const one of contestants) await runRound(one, contest, index, note);
    }
  } finally {
    for (const one of contestants) await one.child.stop();
  }
  return { benchCase: contest.benchCase, peers: contestants.map(({ peer, rounds }) => ({ peer: peer.name, ...summarise(rounds) })) };
}

/** Those of `peers` that have something to say in this case. */
export function entrants(peers: readonly Peer[], benchCase: BenchCase): Peer[] {
  return peers.filter((peer) => peer.takesPart?.(benchCase) ?? true);
}

async function enter(peer: Peer, contest: Contest, note: (text: string) => void): Promise<Contestant | undefined> {
  const { benchCase, originPort } = contest;
  const dir = path.join(contest.dir, benchCase.name, peer.name);
  mkdirSync(dir, { recursive: true });
  let child: Child | undefined;
  try {
    const port = await freePort();
    child = startChild(await peer.prepare({ port, originPort, dir, benchCase }), contest.proxyCore, path.join(dir, 'output.log'));
    await child.answers(port, pathOf(benchCase));
    await verify(port, benchCase);
    return { peer, port, child, rounds: [] };
  } catch (error) {
    await child?.stop();
    note(`${peer.name} does not take part in "${benchCase.name}": ${String(error)}`);
    return undefined;
  }
}

async function warmUp(one: Contestant, contest: Contest, note: (text: string) => void): Promise<void> {
  try {
    await contest.load.run(one.port, contest.benchCase, warmUpSeconds);
  } catch (error) {
    note(`${contest.benchCase.name} warm-up  ${one.peer.name}: ${String(error)}`);
  }
}

async function runRound(one: Contestant, contest: Contest, index: number, note: (text: string) => void): Promise<void> {
  const { benchCase, rounds, seconds, load } = contest;
  const label = `${benchCase.name} ${index + 1}/${rounds}  ${one.peer.name}`;
  try {
    const round = await measure(one.child.pid, one.port, benchCase, seconds, load);
    one.rounds.push(round);
    const figures = `${round.cpuUs.toFixed(1).padStart(8)} µs/req ${round.requestsPerSecond.toFixed(0).padStart(8)} req/s`;
    process.stderr.write(`${label.padEnd(28)} ${figures}\n`);
    if (round.errors > 0) note(`${label}: not used, clients saw ${round.errors} errors in ${round.requests} requests`);
  } catch (error) {
    // A place in the list all the same: rounds of the same index are compared.
    one.rounds.push(failedRound);
    note(`${label}: not used, ${String(error)}`);
  }
}
