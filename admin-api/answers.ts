/** What a change is answered with. */
import type { Command, CommandOptions, Reply } from '../src/control/ports.ts';
import { etagOf } from './if-match.ts';
import type { AdminApiOptions } from './options.ts';
import { rejectionAnswer } from './problems.ts';
import { readCommandOptions } from './query.ts';
import type { Answer, Call } from './route.ts';

/** Executes a command with the conditions that the call names, and answers what became of it. */
export async function change(command: Command, call: Call, { controller }: AdminApiOptions): Promise<Answer> {
  const options = readCommandOptions(call);
  return changeAnswer(await controller.execute(command, options), options);
}

/** 200 means that every worker has applied it. Where one has not, or nobody waited, the answer is 202: never a false 200. */
export function changeAnswer(reply: Reply, { wait }: Pick<CommandOptions, 'wait'>): Answer {
  if (reply.kind === 'rejected') return rejectionAnswer(reply);
  const { revision, previous, dryRun, changed, changes, applied, stragglers } = reply;
  const everywhere = stragglers.length === 0 && wait === 'workers';
  return {
    status: dryRun || everywhere ? 200 : 202,
    body: {
      revision,
      previous,
      changed,
      ...(dryRun ? { dryRun } : {}),
      changes,
      applied,
      ...(stragglers.length > 0 ? { stragglers } : {}),
    },
    headers: dryRun ? {} : { etag: etagOf(revision) },
  };
}

/** A part of what is in force, ready to be changed and sent back. */
export function currentAnswer(body: unknown, { controller }: AdminApiOptions): Answer {
  return { status: 200, body, headers: { etag: etagOf(controller.current().number) } };
}
