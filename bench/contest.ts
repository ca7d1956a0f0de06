import { mkdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { BenchCase } from './case.ts';
import { freePort, startChild, type Child } from './child.ts';
import { holdIdle, type IdleConnections } from './idle.ts';
import { rateTool, type LoadTool } from './load.ts';
import type { Peer } from './peer.ts';
import type { CaseResult } from './report.ts';
import { failedRound, measure, summarise, type Round } from './round.ts';
import { isServing, verify } from './verify.ts';

export interface Contest {
  readonly benchCase: BenchCase;
  readonly peers: readonly Peer[];
  /** Were named one by one, so that slow ones take part everywhere. */
  readonly arePeersNamed: boolean;
  readonly originPort: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly load: LoadTool;
  readonly loadCores: readonly number[];
  readonly proxyCores: readonly number[];
  readonly dir: string;
}

interface Contestant {
  readonly peer: Peer;
  readonly port: number;
  readonly child: Child;
  readonly dir: string;
  readonly rounds: Round[];
  /** As fast as it could go while it warmed up. */
  maximumPerSecond: number;
  idle?: IdleConnections;
}

type Note = (text: string) => void;

export function warmUpOf({ warmUpSeconds = 2, rateShare }: BenchCase): number {
  return rateShare === undefined ? warmUpSeconds : 2 * warmUpSeconds;
}

/** Runs one case over all peers. Those that cannot take part are told by `note` and left out; the others go on. */
export async function runContest(contest: Contest, note: Note): Promise<CaseResult> {
  const contestants: Contestant[] = [];
  try {
    for (const peer of entrants(contest.peers, contest.benchCase, contest.arePeersNamed)) {
      const contestant = await enter(peer, contest, note);
      if (contestant !== undefined) contestants.push(contestant);
    }
    for (const one of contestants) await warmUp(one, contest, note);
    for (const one of contestants) await openIdle(one, contest, note);
    const rates = ratesOf(contestants, contest, note);
    // A B C, A B C: what disturbs the machine for some seconds hits one round of each rather than all rounds of one.
    for (let index = 0; index < contest.rounds; index += 1) {
      for (const one of contestants) await runRound(one, { ...contest, load: rates.get(one) ?? contest.load }, index, note);
    }
    for (const one of contestants) tellLost(one, contest.benchCase, note);
  } finally {
    for (const one of contestants) await one.idle?.close();
    for (const one of contestants) await one.child.stop();
  }
  return { benchCase: contest.benchCase, peers: contestants.map(({ peer, rounds }) => ({ peer: peer.name, ...summarise(rounds) })) };
}

/** Those of `peers` that have something to say in this case. */
export function entrants(peers: readonly Peer[], benchCase: BenchCase, areNamed: boolean): Peer[] {
  const isWanted = (peer: Peer): boolean => areNamed || benchCase.everyone === true || peer.isSlow !== true;
  return peers.filter((peer) => isWanted(peer) && (peer.takesPart?.(benchCase) ?? true));
}

async function enter(peer: Peer, contest: Contest, note: Note): Promise<Contestant | undefined> {
  const { benchCase, originPort } = contest;
  const dir = path.join(contest.dir, benchCase.name, peer.name);
  mkdirSync(dir, { recursive: true });
  let child: Child | undefined;
  try {
    const port = await freePort();
    child = startChild(await peer.prepare({ port, originPort, dir, benchCase }), contest.proxyCores, path.join(dir, 'output.log'));
    await child.ready(() => isServing(port, benchCase));
    await verify(port, benchCase);
    return { peer, port, child, dir, rounds: [], maximumPerSecond: 0 };
  } catch (error) {
    await child?.stop();
    note(`${peer.name} does not take part in "${benchCase.name}": ${String(error)}`);
    return undefined;
  }
}

async function warmUp(one: Contestant, { benchCase, load }: Contest, note: Note): Promise<void> {
  try {
    const { requests, elapsedMs } = await load.run(one.port, benchCase, warmUpOf(benchCase));
    // The part in which it was cold costs it some percent of this.
    one.maximumPerSecond = (requests / elapsedMs) * 1000;
  } catch (error) {
    note(`${benchCase.name} warm-up  ${one.peer.name}: ${String(error)}`);
  }
}

/** What `sluice-plain` stands for is Sluice without them. */
async function openIdle(one: Contestant, { benchCase, loadCores }: Contest, note: Note): Promise<void> {
  const { idleConnections = 0 } = benchCase;
  if (idleConnections === 0 || one.peer.name === 'sluice-plain') return;
  try {
    one.idle = await holdIdle(one.child, one.port, benchCase, idleConnections, loadCores, one.dir);
  } catch (error) {
    note(`${benchCase.name}: ${one.peer.name} has no idle connections, ${String(error)}`);
  }
}

function tellLost({ idle, peer }: Contestant, { name }: BenchCase, note: Note): void {
  const lost = idle?.lost() ?? 0;
  if (lost > 0) note(`${name}: ${peer.name} has closed ${lost} of the idle connections`);
}

/** Everybody is given the rate of Sluice, but for those to whom it would be more than 80% of what they can carry. */
function ratesOf(contestants: readonly Contestant[], { benchCase, loadCores }: Contest, note: Note): Map<Contestant, LoadTool> {
  const { rateShare } = benchCase;
  if (rateShare === undefined) return new Map();
  const own = contestants.find(({ peer }) => peer.name === 'sluice') ?? contestants[0];
  const common = Math.round((own?.maximumPerSecond ?? 0) * rateShare);
  note(`${benchCase.name}: ${common} requests per second, half of the ${Math.round(common / rateShare)} that ${own?.peer.name} can carry`);
  return new Map(
    contestants.map((one): [Contestant, LoadTool] => {
      if (one.maximumPerSecond * 0.8 >= common) return [one, rateTool(common, loadCores)];
      const rate = Math.round(one.maximumPerSecond * rateShare);
      note(`${benchCase.name}: ${one.peer.name} is given ${rate} per second, half of what it can carry`);
      return [one, rateTool(rate, loadCores)];
    }),
  );
}

async function runRound(one: Contestant, contest: Contest, index: number, note: Note): Promise<void> {
  const { benchCase, rounds, seconds, load } = contest;
  const label = `${benchCase.name} ${index + 1}/${rounds}  ${one.peer.name}`;
  try {
    const measured = await measure(one.child.pid, one.port, benchCase, seconds, load);
    const round = one.idle === undefined ? measured : { ...measured, bytesPerConnection: one.idle.bytesEach };
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
