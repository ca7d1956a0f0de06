// Question: what do honest clients get while Sluice is under attack, and what does the attack cost it?
// Method:   one worker with default limits; eight honest connections alone, then beside each attack, then beside all of them: requests,
//           failures and latency of the honest ones, and the memory of all processes of Sluice. Everything runs on this machine, so attackers
//           take CPU time from the proxy: latency is an upper bound. `node bench/attacks.ts [--seconds 8]`; docs/threat-model.md quotes them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Child, freePort, startChild } from './child.ts';
import { treeMemory } from './proc.ts';

interface Second {
  readonly requests: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '8' } } });
const seconds = Number(values.seconds);
/** Attacks of the first seconds are still being connected. */
const settleSeconds = 4;

const directory = mkdtempSync(join(tmpdir(), 'sluice-attacks-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const targetPort = await freePort();
const port = await freePort();
const adminPort = await freePort();
const config = join(directory, 'sluice.json');
const document = {
  listeners: [{ name: 'web', address: `127.0.0.1:${port}` }],
  admin: { address: `127.0.0.1:${adminPort}` },
  log: { access: false },
  workers: 1,
  services: { shop: { pools: { blue: { targets: [`http://127.0.0.1:${targetPort}`] } } } },
};
writeFileSync(config, JSON.stringify(document));

const start = (role: string, at: number): Child => startRole([process.execPath, 'bench/attack-role.ts', role, String(at)], role);
const target = start('target', targetPort);
await target.ready(() => answers(targetPort));
const sluice = startRole([process.execPath, 'src/main.ts', 'run', '-c', config, '--data-dir', join(directory, 'data')], 'sluice');
await sluice.ready(() => answers(port));

const rows: string[] = [];
const idleBytes = treeMemory(sluice.pid);
const client = start('client', port);
for (const attack of [
  [],
  ['slow-heads'],
  ['slow-readers'],
  ['malformed'],
  ['aborts'],
  ['slow-heads', 'slow-readers', 'malformed', 'aborts'],
]) {
  const attackers = attack.map((role) => start(role, port));
  await sleep(settleSeconds * 1000);
  const from = secondsOf('client').length;
  let most = 0;
  for (let second = 0; second < seconds; second++) {
    await sleep(1000);
    most = Math.max(most, treeMemory(sluice.pid));
  }
  rows.push(row(attack.join(' + ') || 'none', secondsOf('client').slice(from), most - idleBytes));
  for (const attacker of attackers) await attacker.stop();
  await sleep(3000);
}
for (const child of [client, sluice, target]) await child.stop();
console.log('attack | requests/s | failed | p50 ms | p99 ms | memory');
for (const line of rows) console.log(line);
process.exit();

function startRole(command: readonly string[], name: string): Child {
  return startChild({ file: command[0]!, args: command.slice(1) }, [], join(directory, `${name}.log`));
}

async function answers(at: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${at}/`)).ok;
}

function secondsOf(name: string): Second[] {
  return readFileSync(join(directory, `${name}.log`), 'utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Second] : []));
}

function row(name: string, seen: readonly Second[], bytes: number): string {
  const mean = (of: (second: Second) => number) => seen.reduce((sum, second) => sum + of(second), 0) / seen.length;
  const failed = seen.reduce((sum, second) => sum + second.failed, 0);
  const mib = `${bytes >= 0 ? '+' : ''}${(bytes / 1_048_576).toFixed(0)} MiB`;
  return [
    name,
    mean(({ requests }) => requests).toFixed(0),
    failed,
    mean(({ p50 }) => p50).toFixed(2),
    mean(({ p99 }) => p99).toFixed(2),
    mib,
  ].join(' | ');
}
