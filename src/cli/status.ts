import { Command } from 'commander';
import type { Remaining } from './change.ts';
import { addClientOptions, type ClientFlags, createClient } from './client-options.ts';
import type { Context } from './context.ts';
import { formatTable } from './output.ts';

/** What `GET /v1/status` answers, as far as it is shown here. */
export interface StatusBody {
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
  readonly warnings?: readonly string[];
  readonly services: Readonly<Record<string, { readonly pools: Readonly<Record<string, PoolBody>> }>>;
}

interface PoolBody {
  readonly weight: number;
  readonly share: number;
  readonly observed: { readonly requests: number | null; readonly clients: number | null };
  readonly state: string;
  readonly available: { readonly count: number; readonly of: number };
  readonly inFlight: number;
  readonly requests: number;
  readonly targets: Readonly<Record<string, TargetBody>>;
  readonly removed?: boolean;
}

interface TargetBody {
  readonly state: string;
  readonly health: string;
  readonly lastProbe?: string;
  readonly ejected: boolean;
  readonly available: boolean;
  readonly inFlight: number;
  readonly inFlightBy: Remaining;
  readonly removed?: boolean;
}

export function statusCommand(context: Context): Command {
  const command = new Command('status')
    .summary('show what is in force, and where requests go')
    .description(
      'Shows the revision in force, the processes, and for each pool its weight, the share of requests and clients that it really had in the last minute, and its targets.',
    )
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
  const pools = eachPool(status).map(([service, name, pool]) => [
    service,
    name,
    pool.removed === true ? 'removed' : pool.state,
    String(pool.weight),
    percent(pool.share),
    percent(pool.observed.requests),
    percent(pool.observed.clients),
    `${pool.available.count}/${pool.available.of}`,
    String(pool.inFlight),
    String(pool.requests),
  ]);
  const targets = eachPool(status).flatMap(([service, name, pool]) =>
    Object.entries(pool.targets)
      .filter(([, target]) => isRemarkable(target))
      .map(([id, target]) => describeTarget(service, name, id, target)),
  );
  return [
    `Revision ${revision}, ${state} (${processes})`,
    formatTable(['WORKER', 'PID', 'REVISION', 'CONNECTIONS', 'IN FLIGHT'], workers),
    formatTable(['SERVICE', 'POOL', 'STATE', 'WEIGHT', 'SHARE', 'OBSERVED', 'CLIENTS', 'AVAILABLE', 'IN FLIGHT', 'REQUESTS'], pools),
    ...(targets.length === 0
      ? []
      : [formatTable(['SERVICE', 'POOL', 'TARGET', 'STATE', 'HEALTH', 'EJECTED', 'IN FLIGHT', 'LAST PROBE'], targets)]),
    ...(status.warnings ?? []).map((warning) => `Warning: ${warning}`),
  ].join('\n\n');
}

function eachPool(status: StatusBody): [string, string, PoolBody][] {
  return Object.entries(status.services).flatMap(([service, { pools }]) =>
    Object.entries(pools).map(([name, pool]): [string, string, PoolBody] => [service, name, pool]),
  );
}

/** Of ten thousand targets, those are shown of which there is something to say. */
function isRemarkable({ state, health, ejected, available, removed }: TargetBody): boolean {
  return state !== 'ready' || health === 'unhealthy' || health === 'unknown' || ejected || !available || removed === true;
}

function describeTarget(service: string, pool: string, id: string, target: TargetBody): string[] {
  const { state, health, ejected, inFlight, lastProbe = '-' } = target;
  return [service, pool, id, target.removed === true ? 'removed' : state, health, ejected ? 'yes' : 'no', String(inFlight), lastProbe];
}

/** What runs on a pool, or on one of its targets; a target whose name has been resolved is shown by its addresses. */
export function remainingOn(
  { services }: StatusBody,
  place: { readonly service: string; readonly pool: string; readonly target: string | undefined },
): Remaining | undefined {
  const pool = services[place.service]?.pools[place.pool];
  if (pool === undefined) return undefined;
  const found = Object.entries(pool.targets).filter(
    ([id]) => place.target === undefined || id === place.target || id.startsWith(`${place.target}@`),
  );
  const sum = (kind: keyof Remaining): number => found.reduce((total, [, { inFlightBy }]) => total + inFlightBy[kind], 0);
  return { http: sum('http'), streaming: sum('streaming'), upgraded: sum('upgraded') };
}

function percent(share: number | null): string {
  return share === null ? '-' : `${Number((100 * share).toFixed(2))}%`;
}

/** A worker that does not answer has not said. */
function count(value: number | null): string {
  return value === null ? '-' : String(value);
}
