import { Command } from 'commander';
import { addClientOptions, type ClientFlags, createClient } from './client-options.ts';
import type { Context } from './context.ts';
import { formatTable } from './output.ts';

/** What `GET /v1/status` answers, as far as it is shown here. */
interface StatusBody {
  readonly state: string;
  readonly revision: number;
  readonly supervisor: { readonly pid: number };
  readonly control: { readonly pid: number };
  readonly workers: readonly {
    readonly id: number;
    readonly pid: number;
    readonly revision: number;
    readonly connections: number | null;
    readonly inFlight: number | null;
  }[];
  readonly services: Readonly<Record<string, { readonly pools: Readonly<Record<string, PoolBody>> }>>;
}

interface PoolBody {
  readonly weight: number;
  readonly share: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly targets: Readonly<Record<string, unknown>>;
}

export function statusCommand(context: Context): Command {
  const command = new Command('status')
    .summary('show what is in force, and where requests go')
    .description('Shows the revision in force, the processes, and for each pool its weight, share and requests.')
    .addHelpText(
      'after',
      `
Examples:
  sluice status
  sluice status --json
  SLUICE_ADMIN=http://127.0.0.1:9081 sluice status`,
    );
  return addClientOptions(command).action(async (flags: ClientFlags) => {
    const status = await (await createClient(flags)).call<StatusBody>('GET', '/v1/status');
    context.output.print(flags.json === true ? JSON.stringify(status) : describeStatus(status));
  });
}

function describeStatus(status: StatusBody): string {
  const { supervisor, control, state, revision } = status;
  const processes = supervisor.pid === control.pid ? `pid ${control.pid}` : `supervisor pid ${supervisor.pid}, control pid ${control.pid}`;
  const workers = status.workers.map((worker) => [
    String(worker.id),
    String(worker.pid),
    String(worker.revision),
    count(worker.connections),
    count(worker.inFlight),
  ]);
  const pools = Object.entries(status.services).flatMap(([service, { pools: own }]) =>
    Object.entries(own).map(([pool, { weight, share, inFlight, requests, targets }]) => [
      service,
      pool,
      String(weight),
      `${Number((100 * share).toFixed(2))}%`,
      String(Object.keys(targets).length),
      String(inFlight),
      String(requests),
    ]),
  );
  return [
    `Revision ${revision}, ${state} (${processes})`,
    formatTable(['WORKER', 'PID', 'REVISION', 'CONNECTIONS', 'IN FLIGHT'], workers),
    formatTable(['SERVICE', 'POOL', 'WEIGHT', 'SHARE', 'TARGETS', 'IN FLIGHT', 'REQUESTS'], pools),
  ].join('\n\n');
}

/** A worker that does not answer has not said. */
function count(value: number | null): string {
  return value === null ? '-' : String(value);
}
