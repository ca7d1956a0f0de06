/** What calls are answered with: a part of what is in force, or what became of a change. */
import { Type, type Static, type TSchema } from 'typebox';
import type { ErrorCode } from '../src/core/errors.ts';
import { childPointer, type Json } from '../src/core/json.ts';
import type { Command, CommandOptions, PublishResult, Reply } from '../src/control/ports.ts';
import type { Rejection } from '../src/core/change.ts';
import type { TargetReport } from '../src/core/reports.ts';
import { etagOf } from './if-match.ts';
import type { AdminApiOptions } from './options.ts';
import { rejectionAnswer, type SentBody } from './problems.ts';
import { changeQuery, readCommandOptions } from './query.ts';
import type { Answer, Call, Route } from './route.ts';
import { warningsOf } from './warnings.ts';

const closed = { additionalProperties: false } as const;

export const DifferenceSchema = Type.Object(
  {
    pointer: Type.String({ description: 'A place in the configuration (RFC 6901).' }),
    before: Type.Optional(Type.Unknown({ description: 'Missing where nothing was there.' })),
    after: Type.Optional(Type.Unknown({ description: 'Missing where nothing is there any more.' })),
  },
  closed,
);

export const AppliedSchema = Type.Array(Type.Object({ worker: Type.Integer(), ms: Type.Number() }, closed), {
  description: 'The workers that have applied it, and how long that took each, in milliseconds.',
});

export const StragglersSchema = Type.Array(Type.Object({ worker: Type.Integer(), pid: Type.Integer() }, closed), {
  description: 'The workers that had not applied it when the time ran out; they still handle requests by an earlier revision.',
});

/** What still runs somewhere. */
const count = Type.Integer({ minimum: 0 });
export const RemainingSchema = Type.Object(
  {
    http: count,
    streaming: Type.Integer({
      minimum: 0,
      description: 'Requests whose answer has begun and is not over, such as downloads and event streams.',
    }),
    upgraded: Type.Integer({ minimum: 0, description: 'Connections that have left HTTP, such as WebSockets.' }),
  },
  { ...closed, description: 'With wait=drained, where the time ran out: what still runs there.' },
);
export type Remaining = Static<typeof RemainingSchema>;

/** How far a drain is that was waited for. */
export interface DrainProgress {
  readonly isDrained: boolean;
  readonly remaining: Remaining;
  /** Clients that are bound to it may still be sent there. */
  readonly mayCome: boolean;
}

/** What runs on all of these, by kind. */
export function inFlightBy(targets: readonly Pick<TargetReport, 'inFlight' | 'streaming' | 'upgraded'>[]): Remaining {
  const sum = (of: (target: (typeof targets)[number]) => number): number => targets.reduce((total, target) => total + of(target), 0);
  const [streaming, upgraded] = [sum((target) => target.streaming), sum((target) => target.upgraded)];
  return { http: sum((target) => target.inFlight) - streaming - upgraded, streaming, upgraded };
}

/** What a change is answered with. */
export const ChangeSchema = Type.Object(
  {
    revision: Type.Integer({ description: 'The revision in force now; with dryRun the one that it would have been.' }),
    previous: Type.Integer({ description: 'The revision that was in force before.' }),
    changed: Type.Boolean({ description: 'False where the document already said so: then no revision was made.' }),
    dryRun: Type.Optional(Type.Literal(true)),
    changes: Type.Array(DifferenceSchema),
    applied: AppliedSchema,
    stragglers: Type.Optional(StragglersSchema),
    drained: Type.Optional(
      Type.Boolean({
        description:
          'With wait=drained: whether every worker has applied it, nothing runs any more on what was taken out or removed, and nobody may come there.',
      }),
    ),
    remaining: Type.Optional(RemainingSchema),
    mayCome: Type.Optional(
      Type.Literal(true, {
        description:
          'With wait=drained, where the time ran out: clients that are bound to it by a cookie may still be sent there, until the deadline.',
      }),
    ),
    warnings: Type.Optional(
      Type.Array(Type.String(), {
        description: 'What is allowed and probably not meant, in sentences; for example weight on a pool that has no targets.',
      }),
    ),
  },
  { $id: 'Change', ...closed },
);
export type ChangeBody = Static<typeof ChangeSchema>;

/** What the routes of changes have in common. `errors` are those that not every change has. */
export function changing(...errors: readonly ErrorCode[]): Pick<Route, 'query' | 'ifMatch' | 'answers' | 'errors'> {
  return {
    query: changeQuery,
    ifMatch: true,
    answers: {
      200: { description: 'Every worker has applied it; or, with dryRun, it could be made.', schema: ChangeSchema, etag: true },
      202: {
        description: 'It is saved and in force, but not every worker has applied it yet, or nobody has waited.',
        schema: ChangeSchema,
        etag: true,
      },
    },
    errors: ['INVALID', 'STALE_REVISION', 'STORE_UNAVAILABLE', 'SHUTTING_DOWN', ...errors],
  };
}

/** What the routes that show a part of what is in force have in common. */
export function showing(schema: TSchema, ...errors: readonly ErrorCode[]): Pick<Route, 'query' | 'answers' | 'errors'> {
  return { query: [], answers: { 200: { description: 'What is in force.', schema, etag: true } }, errors };
}

/** A part of what is in force, ready to be changed and sent back. */
export function currentAnswer(body: unknown, { controller }: AdminApiOptions): Answer {
  return { status: 200, body, headers: { etag: etagOf(controller.current().number) } };
}

/** Executes a command with the conditions that the call names, and answers what became of it. */
export async function change(command: Command, call: Call, options: AdminApiOptions): Promise<Answer> {
  const conditions = readCommandOptions(call);
  const reply = await options.controller.execute(command, conditions);
  if (reply.kind === 'rejected') return refusalOf(reply, command, call, options);
  return changeAnswer(reply, conditions, warningsOf(command, reply, options));
}

/** A refusal of the command, placed in the body that asked for it. */
export function refusalOf(rejection: Rejection, command: Command, call: Call, options: AdminApiOptions): Answer {
  return rejectionAnswer(rejection, sentBody(command, call.body, options));
}

/** 200 means that every worker has applied it. Where one has not, or nobody waited, the answer is 202: never a false 200. */
export function changeAnswer(
  { revision, previous, dryRun, changed, changes, applied, stragglers }: Extract<Reply, { kind: 'accepted' }>,
  { wait }: Pick<CommandOptions, 'wait'>,
  warnings: readonly string[],
  progress?: DrainProgress,
): Answer {
  const everywhere = stragglers.length === 0 && wait === 'workers' && progress?.isDrained !== false;
  const body: ChangeBody = {
    revision,
    previous,
    changed,
    ...(dryRun ? { dryRun } : {}),
    changes: [...changes],
    applied: appliedIn(applied),
    ...(stragglers.length > 0 ? { stragglers: [...stragglers] } : {}),
    ...(progress === undefined ? {} : drainAnswer(progress)),
    ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
  };
  return { status: dryRun || everywhere ? 200 : 202, body, headers: dryRun ? {} : { etag: etagOf(revision) } };
}

function drainAnswer({ isDrained, remaining, mayCome }: DrainProgress): Pick<ChangeBody, 'drained' | 'remaining' | 'mayCome'> {
  return isDrained ? { drained: true } : { drained: false, remaining, ...(mayCome ? { mayCome } : {}) };
}

/** To the microsecond; the last bits of a measurement say nothing. */
export function appliedIn(applied: PublishResult['applied']): Static<typeof AppliedSchema> {
  return applied.map(({ worker, ms }) => ({ worker, ms: Math.round(ms * 1000) / 1000 }));
}

/** Where in the configuration the body of a call belongs, so that what is wrong with it can be shown in it. */
function sentBody(command: Command, body: Json | undefined, { controller }: AdminApiOptions): SentBody | undefined {
  if (body === undefined) return undefined;
  switch (command.kind) {
    case 'replace':
    case 'patch':
      return { body, place: '' };
    case 'putService':
    case 'patchService':
      return { body, place: childPointer('/services', command.service) };
    case 'weights':
    case 'mirrors':
    case 'overrides':
      return { body, place: pointerOf(command.service, command.kind) };
    case 'putPool':
      return { body, place: pointerOf(command.service, 'pools', command.pool) };
    case 'putTarget': {
      const service = controller.model().services.find(({ id }) => id === command.service);
      const targets = service?.pools.find(({ id }) => id === command.pool)?.targets ?? [];
      const index = targets.findIndex(({ id }) => id === command.target);
      const place = pointerOf(command.service, 'pools', command.pool, 'targets', index < 0 ? targets.length : index);
      return { body, place };
    }
    default:
      return undefined;
  }
}

function pointerOf(service: string, ...steps: readonly (string | number)[]): string {
  return steps.reduce<string>(childPointer, childPointer('/services', service));
}
