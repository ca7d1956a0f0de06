import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostOf, targetsPerService } from '../case.ts';
import { writeCertificate } from '../certificate.ts';
import { freePort } from '../child.ts';
import { benchCookie, benchKey, benchService } from '../client-cookies.ts';
import { nodeCommand, rootDir } from '../command.ts';
import type { Peer, PeerSetup } from '../peer.ts';

/** The real command, with the supervisor and the control process that come with it: their time is counted too. */
export const sluice: Peer = peerWith('sluice', false);

/** Everything in one process, as it is embedded. */
export const sluiceOneProcess: Peer = { ...peerWith('sluice-0', false, 0), onlyWhenNamed: true };

/** The same without what the case is about: what Sluice's own feature costs it. */
export const sluicePlain: Peer = { ...peerWith('sluice-plain', true), takesPart: ({ feature }) => feature !== undefined };

const mainFile = path.join(rootDir, 'src', 'main.ts');

function peerWith(name: string, isPlain: boolean, workers?: number): Peer {
  return {
    name,
    find() {
      if (!existsSync(mainFile)) return { missing: 'not there yet: src/main.ts does not exist' };
      const { version }: { version: string } = JSON.parse(readFileSync(path.join(rootDir, 'package.json'), 'utf8'));
      return { version };
    },
    async prepare(setup) {
      const configFile = path.join(setup.dir, 'sluice.yaml');
      const dataDir = path.join(setup.dir, 'data');
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(path.join(dataDir, 'signing-keys'), `${benchKey.id} ${benchKey.secret}\n`, { mode: 0o600 });
      const { benchCase } = setup;
      const config = {
        listeners: [listenerOf(setup)],
        admin: { address: `127.0.0.1:${await freePort()}` },
        dataDir,
        workers: workers ?? (isPlain ? 1 : (benchCase.workers ?? 1)),
        log: { level: 'warn', access: !isPlain && benchCase.accessLog === true },
        ...(isPlain || benchCase.services === undefined ? oneService(setup, isPlain) : manyServices(setup, benchCase.services)),
      };
      // JSON is YAML.
      writeFileSync(configFile, JSON.stringify(config, null, 2));
      return nodeCommand(mainFile, 'run', '-c', configFile);
    },
  };
}

function listenerOf({ port, dir, benchCase }: PeerSetup): unknown {
  const files = benchCase.encrypted === true ? writeCertificate(dir) : undefined;
  return {
    name: 'web',
    address: `127.0.0.1:${port}`,
    timeouts: { keepAlive: '10m' },
    ...(benchCase.idleConnections === undefined ? {} : { limits: { connections: 0 } }),
    ...(files === undefined ? {} : { tls: { cert: files.cert, key: files.key } }),
  };
}

function oneService({ originPort, benchCase }: PeerSetup, isPlain: boolean): Record<string, unknown> {
  const url = `http://127.0.0.1:${originPort}`;
  const isBare = isPlain && benchCase.services !== undefined;
  const service =
    benchCase.cookies === undefined ? splitInTwo([url], isBare ? undefined : { blue: 90, green: 10 }) : splitInThree(url, isPlain);
  return { services: { [benchService]: service }, routes: [{ service: benchService }] };
}

/** Two pools, so that the choice is really made for every request; without weights one. */
function splitInTwo(targets: readonly unknown[], weights: Record<string, number> | undefined): unknown {
  if (weights === undefined) return { pools: { blue: { targets } }, debugHeaders: false };
  return { pools: { blue: { targets }, green: { targets } }, weights, debugHeaders: false };
}

function splitInThree(url: string, isPlain: boolean): unknown {
  const targets = ['t1', 't2'].map((id) => ({ id, url }));
  const pool = isPlain ? { targets } : { targets, balance: 'p2c-ewma' };
  return {
    pools: { blue: pool, green: pool, canary: pool },
    weights: { blue: 60, green: 30, canary: 10 },
    debugHeaders: false,
    ...(isPlain ? {} : { sticky: { key: { cookie: benchCookie } } }),
  };
}

function manyServices({ originPort }: PeerSetup, count: number): Record<string, unknown> {
  // The pools share the targets of a service between them, evenly, so that all are used alike.
  const targets = Array.from({ length: targetsPerService / 2 }, (_, index) => ({ id: `t${index}`, url: `http://127.0.0.1:${originPort}` }));
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  return {
    services: Object.fromEntries(names.map((name) => [name, splitInTwo(targets, { blue: 50, green: 50 })])),
    routes: names.map((service, index) => ({ match: { host: hostOf(index) }, service })),
  };
}
