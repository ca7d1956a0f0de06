import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchCase } from '../case.ts';
import { writeCertificate } from '../certificate.ts';
import { findCommand, versionOf } from '../command.ts';
import type { Peer, PeerSetup } from '../peer.ts';

export const caddy: Peer = {
  name: 'caddy',
  isSlow: true,
  takesPart: canTakePart,
  find() {
    const file = findCommand('caddy');
    return file === undefined ? { missing: 'not installed: bench/install-peers.sh' } : { version: versionOf(file, 'version') };
  },
  async prepare(setup) {
    const configFile = path.join(setup.dir, 'Caddyfile');
    writeFileSync(configFile, config(setup));
    // Go takes as many threads as there are cores it may run on: one.
    const env = { XDG_CONFIG_HOME: setup.dir, XDG_DATA_HOME: setup.dir };
    return { file: findCommand('caddy') ?? 'caddy', args: ['run', '--adapter', 'caddyfile', '--config', configFile], env };
  },
};

/** It writes no plain lines of an access log, and has nothing to say about a thousand services that nginx does not. */
function canTakePart({ accessLog, services }: BenchCase): boolean {
  return accessLog === undefined && services === undefined;
}

function config({ port, originPort, dir, benchCase }: PeerSetup): string {
  const { encrypted = false } = benchCase;
  const files = encrypted ? writeCertificate(dir) : undefined;
  return `
{
  admin off
  auto_https off
  default_sni localhost
  servers {
    protocols h1
  }
}
${encrypted ? 'https' : 'http'}://:${port} {
  bind 127.0.0.1
  ${files === undefined ? '' : `tls ${files.cert} ${files.key} {\n    protocols tls1.3\n  }`}
  reverse_proxy 127.0.0.1:${originPort} {
    header_up Via "1.1 caddy"
    transport http {
      keepalive 600s
      keepalive_idle_conns 2048
      keepalive_idle_conns_per_host 1024
      # By default it asks the origin for compressed answers that the client did not ask for.
      compression off
    }
  }
}
`;
}
