import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../child.ts';
import { nodeCommand, rootDir } from '../command.ts';
import type { Peer } from '../peer.ts';

/** The real command, with the supervisor and the control process that come with it: their time is counted too. */
export const sluice: Peer = peerWith('sluice', 1);

/** Everything in one process, as it is embedded. */
export const sluiceOneProcess: Peer = { ...peerWith('sluice-0', 0), onlyWhenNamed: true };

const mainFile = path.join(rootDir, 'src', 'main.ts');

function peerWith(name: string, workers: number): Peer {
  return {
    name,
    find() {
      if (!existsSync(mainFile)) return { missing: 'not there yet: src/main.ts does not exist' };
      const { version }: { version: string } = JSON.parse(readFileSync(path.join(rootDir, 'package.json'), 'utf8'));
      return { version };
    },
    async prepare({ port, originPort, dir }) {
      const configFile = path.join(dir, 'sluice.yaml');
      // JSON is YAML.
      writeFileSync(configFile, JSON.stringify(config(port, await freePort(), originPort, dir, workers), null, 2));
      return nodeCommand(mainFile, 'run', '-c', configFile);
    },
  };
}

function config(port: number, adminPort: number, originPort: number, dir: string, workers: number): unknown {
  return {
    listeners: [{ name: 'web', address: `127.0.0.1:${port}` }],
    admin: { address: `127.0.0.1:${adminPort}` },
    dataDir: path.join(dir, 'data'),
    workers,
    log: { level: 'warn', access: false },
    services: {
      web: {
        pools: { blue: { targets: [`http://127.0.0.1:${originPort}`] }, green: { targets: [`http://127.0.0.1:${originPort}`] } },
        // Both pools get traffic, so that the split is really decided for every request.
        weights: { blue: 90, green: 10 },
        debugHeaders: false,
      },
    },
    routes: [{ service: 'web' }],
  };
}
