#!/usr/bin/env node
/**
 * The `sluice` command, on whatever Node the machine has. It is written for Node 12 and needs no build: where that Node is too old, it
 * runs the rest on the one that `npm ci` has installed with the project.
 */
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import { createRequire } from 'module';
import { constants } from 'os';
import { dirname, join, resolve } from 'path';
import { fileURLToPath, pathToFileURL } from 'url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
// A published package holds the built form, because Node strips no types below node_modules.
const main = [join(root, 'dist', 'src', 'main.js'), join(root, 'src', 'main.ts')].find(existsSync);

if (main === undefined) {
  fail('Sluice is not complete: there is neither dist/src/main.js nor src/main.ts in ' + root + '. Install it again.');
} else if (isNewEnough(process.versions.node)) {
  import(pathToFileURL(main).href).catch(function (error) {
    fail(error.stack);
  });
} else {
  runElsewhere(main);
}

function isNewEnough(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > 26 || (parts[0] === 26 && parts[1] >= 4);
}

function runElsewhere(script) {
  const runtime = findRuntime();
  if (runtime === undefined) {
    fail(
      'Sluice needs Node 26.4 or newer, and this is ' +
        process.version +
        '. "npm ci" in ' +
        root +
        ' brings one along; or install the latest Node 26.',
    );
    return;
  }
  const child = spawn(runtime, [script].concat(process.argv.slice(2)), { stdio: 'inherit' });
  // Whoever stops this process means the other one, and waits for this one.
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
  signals.forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('error', function (error) {
    fail('The Node that was installed with Sluice cannot be started (' + runtime + ': ' + error.message + '). Try "npm ci" again.');
  });
  child.on('exit', function (code, signal) {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

/** Where npm puts the runtime that tools/runtime/package.json lists for this platform. */
function findRuntime() {
  const require = createRequire(import.meta.url);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const names = ['node-' + platform + '-' + process.arch, 'node-bin-' + platform + '-' + process.arch];
  for (let index = 0; index < names.length; index++) {
    try {
      const folder = dirname(require.resolve(names[index] + '/package.json', { paths: [root, join(root, 'tools', 'runtime')] }));
      const runtime = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(runtime)) return runtime;
    } catch {
      // Not installed under this name.
    }
  }
  return undefined;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
