// Question: what does a proxied request cost here, next to what people use today?
// Method:   docs/performance.md. `npm run bench -- --help` lists the options.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { BenchCase } from './case.ts';
import { entrants, runContest, warmUpOf } from './contest.ts';
import { loadTool } from './load.ts';
import { chooseCores, describeMachine } from './machine.ts';
import { profileCase } from './profile.ts';
import { readOptions, usage, UsageError, type Options } from './options.ts';
import { startOrigin, startUploadOrigin } from './origin.ts';
import { readReports, writePage } from './page.ts';
import type { Peer } from './peer.ts';
import { yardstick } from './peers/index.ts';
import { renderReport, type CaseResult, type Report } from './report.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options === undefined) console.log(usage);
    else return await bench(options, ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return 1;
  }
}

/** Returns 1 when a peer that is installed could not be measured in every case. */
async function bench(options: Options, command: string): Promise<number> {
  if (options.from !== undefined) {
    writePage(readReports(options.from));
    return 0;
  }
  if (!existsSync('/proc/self/stat')) throw new UsageError('the bench reads CPU times from /proc: Linux only');
  const notes: string[] = [];
  const note = (text: string): void => {
    // Standard error has all of it; in the report the first line must do.
    notes.push(text.split('\n')[0] ?? '');
    process.stderr.write(`! ${text}\n`);
  };
  const { present, versions } = findPeers(options.peers, note);
  if (options.profile === undefined) process.stderr.write(`${plan(options, present)}\n`);

  const machine = describeMachine();
  const cores = chooseCores();
  const dir = workDir();
  const proxyCores = cores.proxy === undefined ? [] : [cores.proxy];
  const loadCores = cores.load === undefined ? [] : [cores.load];
  const load = loadTool(dir, loadCores);
  const originDir = path.join(dir, 'origin');
  mkdirSync(originDir);
  const origin = await startOrigin(originDir, options.cases, cores.load);
  const uploadOrigin = options.cases.some(isUpload) ? await startUploadOrigin(originDir, cores.load) : origin;
  const originOf = (benchCase: BenchCase): number => (isUpload(benchCase) ? uploadOrigin : origin).port;

  if (options.profile !== undefined) {
    const benchCase = options.profile;
    console.log(await profileCase({ benchCase, originPort: originOf(benchCase), seconds: options.seconds, load, proxyCores, dir }));
    return 0;
  }
  const results: CaseResult[] = [];
  for (const benchCase of options.cases) {
    const { rounds, seconds, arePeersNamed } = options;
    const common = { benchCase, peers: present, arePeersNamed, originPort: originOf(benchCase), rounds, seconds, dir };
    const [second, ofLoad] = cores.spare;
    const isWide = (benchCase.workers ?? 1) > 1 && second !== undefined && ofLoad !== undefined;
    // Two workers need a core each, and more load than a tool that shares its core with the origin can give.
    const places = isWide
      ? { load: loadTool(dir, [ofLoad]), loadCores: [ofLoad], proxyCores: [...proxyCores, second] }
      : { load, loadCores, proxyCores };
    results.push(await runContest({ ...common, ...places }, note));
  }
  await origin.child.stop();
  if (uploadOrigin !== origin) await uploadOrigin.child.stop();

  const date = new Date().toISOString().slice(0, 10);
  const report: Report = { command, date, machine, cores, load: load.version, origin: origin.version, yardstick, versions, notes, results };
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  if (options.page) writePage([report]);
  console.log(renderReport(report, options.markdown));
  const isComplete = ({ benchCase, peers }: CaseResult): boolean =>
    peers.length === entrants(present, benchCase, options.arePeersNamed).length && peers.every((one) => one.median !== undefined);
  return results.every(isComplete) ? 0 : 1;
}

function findPeers(peers: readonly Peer[], note: (text: string) => void): { present: Peer[]; versions: Record<string, string> } {
  const present: Peer[] = [];
  const versions: Record<string, string> = {};
  for (const peer of peers) {
    const found = peer.find();
    if ('missing' in found) {
      note(`${peer.name} skipped, ${found.missing}`);
      continue;
    }
    present.push(peer);
    versions[peer.name] = found.version;
  }
  return { present, versions };
}

function plan({ cases, rounds, seconds, arePeersNamed }: Options, present: readonly Peer[]): string {
  // Load tools and rounds cost about a tenth of a second each to start and stop; peers start within a second, and idle connections open in six.
  const secondsOf = (benchCase: BenchCase): number =>
    entrants(present, benchCase, arePeersNamed).length *
    (1 + warmUpOf(benchCase) + (benchCase.idleConnections === undefined ? 0 : 6) + rounds * (seconds + 0.1));
  const total = cases.map(secondsOf).reduce((sum, one) => sum + one, 0);
  const names = `${cases.map((one) => one.name).join(', ')} × ${present.map((one) => one.name).join(', ')}`;
  return `${names}: ${rounds} rounds of ${seconds} s each, about ${Math.ceil(total)} s in all`;
}

function isUpload({ bodyBytes = 0 }: BenchCase): boolean {
  return bodyBytes > 0;
}

/** On a tmpfs where there is one, so that no disk is measured. Removed however the bench ends. */
function workDir(): string {
  const dir = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'sluice-bench-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  return dir;
}
