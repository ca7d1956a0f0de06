// Question: do targets that fail in every way cost anybody a request, over 100,000 requests?
// Method:   the scenarios of test/e2e/ill-targets.test.ts, each in rounds, with other targets falling ill in each, until it has had its part
//           of the requests; at most 5 minutes in all. The exit status is 1 where anything was lost that should not have been.
import { complaintsAbout, play, type Scenario, scenarios } from '../test/e2e/ill-scenarios.ts';
import { type Account } from '../test/e2e/ill-account.ts';
import { IllSite } from '../test/e2e/ill-site.ts';

const requests = Number(process.argv[2] ?? 100_000);
const connections = 32;
/** After this, a scenario begins no other round. */
const scenarioMs = 24_000;
const totalMs = 300_000;

const ends = new Set<() => unknown>();
// Whatever ends the bench ends its processes too.
process.once('exit', () => {
  for (const end of ends) void end();
});
setTimeout(() => giveUp(`not over after ${totalMs / 1000} s`), totalMs).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => giveUp(signal));

const widths = [20, 9, 8, 8, 11] as const;
row('scenario', 'requests', 'retried', 'rescued', 'longest ms', 'failed or cut, by cause');
const sums = { requests: 0, retries: 0, rescued: 0, longestMs: 0 };
const failures: Record<string, number> = {};
for (const scenario of scenarios) add(await playOnce(scenario), scenario);
row('all', sums.requests, sums.retries, sums.rescued, Math.round(sums.longestMs), describe(failures));

async function playOnce(scenario: Scenario): Promise<Account> {
  const site = await IllSite.start({ onTestFinished: (end: () => unknown) => void ends.add(end) }, scenario.site ?? {}, connections);
  const deadline = performance.now() + scenarioMs;
  const share = requests / scenarios.length;
  const account = await play(site, scenario, () => site.load.outcomes.length >= share || performance.now() > deadline);
  for (const end of ends) await end();
  ends.clear();
  return account;
}

function add(account: Account, scenario: Scenario): void {
  const { outcomes, retries, rescued, longestMs } = account;
  row(scenario.name, outcomes.length, retries, rescued, Math.round(longestMs), describe(account.failures()));
  for (const complaint of complaintsAbout(account, scenario, connections)) {
    console.log(`  ! ${complaint}`);
    process.exitCode = 1;
  }
  sums.requests += outcomes.length;
  sums.retries += retries;
  sums.rescued += rescued;
  sums.longestMs = Math.max(sums.longestMs, longestMs);
  for (const [what, count] of Object.entries(account.failures())) failures[what] = (failures[what] ?? 0) + count;
}

function describe(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} × ${what}`)
    .join(', ');
}

function row(name: string, ...cells: readonly (string | number)[]): void {
  const texts = cells.map((cell, index) => (index + 1 < widths.length ? String(cell).padStart(widths[index + 1]!) : String(cell)));
  console.log([name.padEnd(widths[0]), ...texts].join('  '));
}

function giveUp(why: string): never {
  console.log(`given up: ${why}`);
  process.exit(1);
}
