import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { readDuration } from '../../config/units.ts';
import { type ChangeBody, describeRemaining, reportChange } from './change.ts';
import type { AdminClient } from './client.ts';
import { addChangeOptions, type ChangeFlags, changeCall, createClient, timeoutMsMax } from './client-options.ts';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { remainingOn, type StatusBody } from './status.ts';

type State = 'drain' | 'maint' | 'ready';

interface StateFlags extends ChangeFlags {
  readonly deadline?: string;
  readonly wait?: boolean;
}

/** A pool, or one of its targets. */
interface Place {
  readonly service: string;
  readonly pool: string;
  readonly target: string | undefined;
  /** As it was typed. */
  readonly name: string;
}

/** How often the progress of a drain is looked at. Milliseconds. */
const lookEveryMs = 1000;

export function drainCommand(context: Context): Command {
  const command = stateCommand(context, 'drain')
    .summary('take a pool or a target out, gently')
    .description(
      'Sends nobody new to a pool or a target; what runs may finish until the deadline. Clients that a cookie binds to a target may stay until then; those of a pool go to another one with their next request, unless the service says onShrink: keep.',
    )
    .addHelpText(
      'after',
      `
Examples:
  sluice drain shop/green                      no new requests for the pool green of shop
  sluice drain shop/green/10.0.0.7:3000 --wait one target; come back when it is over
  sluice drain shop/green --deadline 5m        what runs may go on for five minutes
  sluice ready shop/green                      and back`,
    );
  return addDeadline(command);
}

export function maintCommand(context: Context): Command {
  const command = stateCommand(context, 'maint')
    .summary('take a pool or a target out, at once')
    .description(
      'Sends nobody to a pool or a target any more, not even clients that are bound to it. What runs may finish until the deadline.',
    )
    .addHelpText(
      'after',
      `
Examples:
  sluice maint shop/green/10.0.0.7:3000
  sluice maint shop/green --deadline 0s --wait end what runs there as well
  sluice ready shop/green                      and back`,
    );
  return addDeadline(command);
}

export function readyCommand(context: Context): Command {
  return stateCommand(context, 'ready')
    .summary('bring a pool or a target back')
    .description('Brings a pool or a target back that was drained or taken out for maintenance.')
    .addHelpText(
      'after',
      `
Examples:
  sluice ready shop/green
  sluice ready shop/green/10.0.0.7:3000`,
    );
}

function addDeadline(command: Command): Command {
  return command
    .option('--deadline <duration>', "how long what runs may go on, such as 30s (default: the service's timeouts.drain)", readDeadline)
    .option(
      '--wait',
      'come back when nothing runs there and nobody may come any more; waits until 10s after the deadline, or for --timeout',
    );
}

function stateCommand(context: Context, state: State): Command {
  const command = new Command(state).argument('<service/pool[/target]>', 'the pool, or one of its targets');
  return addChangeOptions(command).action(async (name: string, flags: StateFlags) => {
    const place = readPlace(name, state);
    // Without --timeout it is for the server to say how long a drain is waited for, because it knows the service's deadline.
    const isTimeoutGiven = command.getOptionValueSource('timeoutMs') !== 'default';
    const waits = flags.wait === true;
    const client = await createClient(waits && !isTimeoutGiven ? { ...flags, timeoutMs: timeoutMsMax } : flags);
    const { query, headers } = changeCall(flags);
    const call = client.call<ChangeBody>('POST', `${pathOf(place)}/state`, {
      body: { state, ...(flags.deadline === undefined ? {} : { deadline: flags.deadline }) },
      query: waits ? { ...query, wait: 'drained', timeout: isTimeoutGiven ? query['timeout'] : undefined } : query,
      headers,
    });
    const answer = waits && flags.json !== true && flags.dryRun !== true ? await watch(call, place, flags, context) : await call;
    context.exitCode = reportChange(answer, flags.json === true, context.output);
    if (flags.json !== true && context.exitCode === exitCodes.ok) tellWhatNext(answer, state, waits, place, context);
  });
}

/** Says what still runs there, whenever that has changed, until the call is answered. */
async function watch(call: Promise<ChangeBody>, place: Place, flags: StateFlags, { output }: Context): Promise<ChangeBody> {
  const client = await createClient(flags);
  const ending = new AbortController();
  const { signal } = ending;
  const end = (): void => ending.abort();
  call.then(end, end);
  let last = '';
  while (!signal.aborted) {
    await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    const progress = signal.aborted ? '' : await look(client, place);
    if (progress !== '' && progress !== last && !signal.aborted) output.print(progress);
    last = progress;
  }
  return call;
}

/** '' where it cannot be told now: the answer to the call will say what there is to say. */
async function look(client: AdminClient, place: Place): Promise<string> {
  const status = await client.call<StatusBody>('GET', '/v1/status').catch(() => undefined);
  const remaining = status === undefined ? undefined : remainingOn(status, place);
  return remaining === undefined ? '' : `${place.name}: ${describeRemaining(remaining)}.`;
}

function tellWhatNext(answer: ChangeBody, state: State, waited: boolean, { name }: Place, { output }: Context): void {
  if (state === 'ready' || answer.dryRun === true) return;
  if (waited) output.print(`Nothing runs on ${name} any more, and nobody is sent there. To bring it back, type: sluice ready ${name}`);
  else output.print(`What runs on ${name} may finish; "sluice status" shows it. To bring it back, type: sluice ready ${name}`);
}

function readPlace(name: string, state: State): Place {
  const [service = '', pool = '', ...rest] = name.split('/');
  const target = rest.length === 0 ? undefined : rest.join('/');
  if (service !== '' && pool !== '' && target !== '' && rest.length <= 1) return { service, pool, target, name };
  const example = service === '' ? 'shop/green' : `${service}/${pool === '' ? 'green' : pool}`;
  throw new CommandError(
    `"${name}" is not SERVICE/POOL or SERVICE/POOL/TARGET. Type for example: sluice ${state} ${example} ("sluice status" shows the names)`,
    exitCodes.failed,
  );
}

function pathOf({ service, pool, target }: Place): string {
  const path = `/v1/services/${encodeURIComponent(service)}/pools/${encodeURIComponent(pool)}`;
  return target === undefined ? path : `${path}/targets/${encodeURIComponent(target)}`;
}

/** Checked here, so that a typing error is answered without a server; sent as it was typed. */
function readDeadline(value: string): string {
  if (!readDuration(value).ok) throw new InvalidArgumentError('Write a duration such as 30s or 5m.');
  return value;
}
