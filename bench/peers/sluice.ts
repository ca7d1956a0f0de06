import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchCase } from '../case.ts';
import { freePort } from '../child.ts';
import { benchCookie, benchKey, benchService } from '../client-cookies.ts';
import { nodeCommand, rootDir } from '../command.ts';
import type { Peer } from '../peer.ts';

/** The real command, with the supervisor and the control process that come with it: their time is counted too. */
export const sluice: Peer = peerWith('sluice', 1, (benchCase) => (benchCase.cookies === undefined ? 'split' : 'sticky'));

/** Everything in one process, as it is embedded. */
export const sluiceOneProcess: Peer = { ...peerWith('sluice-0', 0, () => 'split'), onlyWhenNamed: true };

/** For cases in which clients have cookies: the same pools, and nobody heeds the cookies. */
export const sluiceSplit: Peer = {
  ...peerWith('sluice-split', 1, () => 'split of three'),
  takesPart: ({ cookies }) => cookies !== undefined,
};

const mainFile = path.join(rootDir, 'src', 'main.ts');

/** How the service chooses. `split` has two pools of one target, the others three of two. */
type Choice = 'split' | 'split of three' | 'sticky';

function peerWith(name: string, workers: number, choiceFor: (benchCase: BenchCase) => Choice): Peer {
  return {
    name,
    find() {
      if (!existsSync(mainFile)) return { missing: 'not there yet: src/main.ts does not exist' };
      const { version }: { version: string } = JSON.parse(readFileSync(path.join(rootDir, 'package.json'), 'utf8'));
      return { version };
    },
    async prepare({ port, originPort, dir, benchCase }) {
      const configFile = path.join(dir, 'sluice.yaml');
      const dataDir = path.join(dir, 'data');
      mkdirSync(dataDir, { recursive: true });
      writeFileSync(path.join(dataDir, 'signing-keys'), `${benchKey.id} ${benchKey.secret}\n`, { mode: 0o600 });
      const config = {
        listeners: [{ name: 'web', address: `127.0.0.1:${port}` }],
        admin: { address: `127.0.0.1:${await freePort()}` },
        dataDir,
        workers,
        log: { level: 'warn', access: false },
        services: { [benchService]: serviceOf(choiceFor(benchCase), `http://127.0.0.1:${originPort}`) },
        routes: [{ service: benchService }],
      };
      // JSON is YAML.
      writeFileSync(configFile, JSON.stringify(config, null, 2));
      return nodeCommand(mainFile, 'run', '-c', configFile);
    },
  };
}

/** All pools get traffic, so that the choice is really made for every request. */
function serviceOf(choice: Choice, url: string): unknown {
  if (choice === 'split') {
    return { pools: { blue: { targets: [url] }, green: { targets: [url] } }, weights: { blue: 90, green: 10 }, debugHeaders: false };
  }
  const targets = ['t1', 't2'].map((id) => ({ id, url }));
  const pool = choice === 'sticky' ? { targets, balance: 'p2c-ewma' } : { targets };
  return {
    pools: { blue: pool, green: pool, canary: pool },
    weights: { blue: 60, green: 30, canary: 10 },
    debugHeaders: false,
    ...(choice === 'sticky' ? { sticky: { key: { cookie: benchCookie } } } : {}),
  };
}
