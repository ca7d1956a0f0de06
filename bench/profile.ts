import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { BenchCase } from './case.ts';
import { freePort, startChild } from './child.ts';
import { rootDir } from './command.ts';
import { warmUpOf } from './contest.ts';
import type { LoadTool } from './load.ts';
import { sluice } from './peers/sluice.ts';
import { pidOf } from './proc.ts';
import { isServing, verify } from './verify.ts';

export interface ProfileSetup {
  readonly benchCase: BenchCase;
  readonly originPort: number;
  readonly seconds: number;
  readonly load: LoadTool;
  readonly proxyCores: readonly number[];
  readonly dir: string;
}

/** What V8 writes at the end of a process that was started with `--cpu-prof`. Times in microseconds, on the clock of `process.hrtime`. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  /** The node that was running, sample by sample. */
  readonly samples: readonly number[];
  /** From one sample to the next; the first counts from `startTime`. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[];
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

export interface SelfTime {
  readonly place: string;
  readonly us: number;
}

/** Microseconds between samples: five times as many as by default, at a few percent of the speed. */
const samplingUs = 200;

/** Puts a worker under the load of a case and returns where its time went, function by function, as a text. */
export async function profileCase(setup: ProfileSetup): Promise<string> {
  const { benchCase, originPort, dir, load, seconds } = setup;
  const profileDir = path.join(dir, 'profiles');
  mkdirSync(profileDir, { recursive: true });
  const port = await freePort();
  const { file, args } = await sluice.prepare({ port, originPort, dir, benchCase });
  // Processes that it forks inherit these arguments.
  const profiling = ['--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-interval=${samplingUs}`];
  const child = startChild({ file, args: [...profiling, ...args] }, setup.proxyCores, path.join(dir, 'output.log'));
  await child.ready(() => isServing(port, benchCase));
  await verify(port, benchCase);
  const workerPid = pidOf(child.pid, '(worker)');
  await load.run(port, benchCase, warmUpOf(benchCase));
  const fromUs = nowUs();
  const { requests, errors } = await load.run(port, benchCase, seconds);
  const toUs = nowUs();
  await child.stop();

  const profileFile = readdirSync(profileDir).find((name) => name.split('.')[3] === String(workerPid));
  if (profileFile === undefined) throw new Error(`worker ${workerPid} left no profile`);
  const profile: CpuProfile = JSON.parse(readFileSync(path.join(profileDir, profileFile), 'utf8'));
  const heading = `${benchCase.title}: ${requests} requests in ${seconds} s, ${errors} errors`;
  const table = (nameOf: (places: readonly string[]) => string): string => renderTimes(selfTimes(profile, fromUs, toUs, nameOf), requests);
  return [heading, 'by function', table(itself), 'by function of ours, with what it calls in Node', table(innermostOfOurs)].join('\n\n');
}

/** What was sampled from `fromUs` to `toUs`, summed up by what `nameOf` says of each node, largest first. Time in which nothing ran is left out. */
export function selfTimes(profile: CpuProfile, fromUs: number, toUs: number, nameOf: (path: readonly string[]) => string): SelfTime[] {
  const names = new Map([...pathsOf(profile)].map(([id, places]) => [id, nameOf(places)]));
  const sums = new Map<string, number>();
  let atUs = profile.startTime;
  for (const [index, deltaUs] of profile.timeDeltas.entries()) {
    atUs += deltaUs;
    // A sample stands for the time until the next one.
    const lastsUs = profile.timeDeltas[index + 1] ?? 0;
    if (atUs < fromUs || atUs >= toUs) continue;
    const place = names.get(profile.samples[index] ?? 0) ?? '?';
    if (place !== '(idle)') sums.set(place, (sums.get(place) ?? 0) + lastsUs);
  }
  return [...sums].map(([place, us]) => ({ place, us })).toSorted((a, b) => b.us - a.us);
}

/** For each node the places from itself to the root. */
function pathsOf({ nodes }: CpuProfile): Map<number, string[]> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const paths = new Map<number, string[]>();
  // Parents come before their children.
  for (const { id, callFrame } of nodes) paths.set(id, [placeOf(callFrame), ...(paths.get(parents.get(id) ?? -1) ?? [])]);
  return paths;
}

/** The function itself; `(program)` is native code of no function, system calls above all. */
export function itself(places: readonly string[]): string {
  return places[0] ?? '?';
}

/** The innermost function of ours, so that what it makes Node do is charged to it. */
export function innermostOfOurs(places: readonly string[]): string {
  return places.find((place) => /  (?:proxy|src|config|admin-api)\//.test(place)) ?? places[0] ?? '?';
}

/** Down to half a percent. */
function renderTimes(times: readonly SelfTime[], requests: number): string {
  const totalUs = times.reduce((sum, { us }) => sum + us, 0);
  return times
    .filter(({ us }) => us >= totalUs / 200)
    .map(({ place, us }) => `${((us / totalUs) * 100).toFixed(1).padStart(5)}%  ${(us / requests).toFixed(2).padStart(7)} µs/req  ${place}`)
    .join('\n');
}

function placeOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? name : `${name}  ${url.replace(`file://${rootDir}/`, '')}:${lineNumber + 1}`;
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
