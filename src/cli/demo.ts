import { Command } from 'commander';
import type { SocketAddress } from '../core/model.ts';
import type { Context } from './context.ts';
import { startDemoApp } from './demo-app.ts';
import type { Configuration } from './launcher.ts';

interface DemoFlags {
  readonly listen: string;
  readonly adminListen: string;
}

/** Who presses Ctrl-C in a demo does not want to wait for an idle browser. Milliseconds. */
const drainMs = 500;

export function demoCommand(context: Context): Command {
  return new Command('demo')
    .summary('try it: two small apps, and the proxy in front of them')
    .description('Runs two small apps, blue and green, with the proxy in front of them, and prints what to try. Keeps nothing on disk.')
    .option('--listen <address>', 'where the proxy listens', '127.0.0.1:8080')
    .option('--admin-listen <address>', 'where the admin API listens', '127.0.0.1:8081')
    .addHelpText(
      'after',
      `
Examples:
  sluice demo
  sluice demo --listen 127.0.0.1:9080 --admin-listen 127.0.0.1:9081`,
    )
    .action(async (flags: DemoFlags) => {
      const stop = context.launcher.listenForStop();
      const apps = await Promise.all([startDemoApp('blue', 'v1'), startDemoApp('green', 'v2')]);
      const [blue, green] = apps;
      try {
        const sluice = await context.launcher.embed(await configure(flags, blue.url, green.url));
        const [proxy] = sluice.listeners;
        context.output.print(introduce(proxy ?? sluice.admin, sluice.admin, blue.url, green.url));
        await stop.first;
        context.output.print('Stopping.');
        await Promise.race([sluice.close(drainMs), stop.second]);
      } finally {
        await Promise.all(apps.map((app) => app.close()));
      }
    });
}

async function configure(flags: DemoFlags, blue: string, green: string): Promise<Configuration> {
  const { checkListenFlag, readDocument } = await import('./configuration.ts');
  checkListenFlag('--listen', flags.listen);
  checkListenFlag('--admin-listen', flags.adminListen);
  return readDocument({
    listeners: [{ name: 'web', address: flags.listen }],
    admin: { address: flags.adminListen },
    workers: 0,
    log: { level: 'silent', access: false },
    services: { demo: { pools: { blue: { targets: [blue] }, green: { targets: [green] } }, weights: { blue: 100, green: 0 } } },
  });
}

function introduce(proxy: SocketAddress, admin: SocketAddress, blue: string, green: string): string {
  const web = `localhost:${proxy.port}`;
  const api = `localhost:${admin.port}`;
  return `Sluice is running: the proxy on http://${web}/, the admin API on http://${api}/
Behind it: blue (v1) at ${blue} and green (v2) at ${green}. Blue has all the traffic.

In another terminal, try:

  curl -s ${web}/
      answered by blue
  curl -s -X PUT ${api}/v1/services/demo/weights -d '{"blue":90,"green":10}'
      from now on, one request in ten goes to green
  curl -s -X POST ${api}/v1/services/demo/switch -d '{"to":"green"}'
      all of it goes to green
  curl -s -X POST ${api}/v1/undo
      back to 90 and 10, in one call

Ctrl-C stops everything.`;
}
