/** The schema of a service, as users type it. */
import { Type, type Static } from 'typebox';
import { weightMax } from '../src/core/model.ts';
import { mirrorDefaults, retryDefaults, serviceDefaults, serviceTimeoutDefaults, stickyDefaults } from './defaults.ts';
import { cookiePathPattern, idPattern } from './names.ts';
import { StickyKeySchema } from './schema-keys.ts';
import { OverrideMatchSchema } from './schema-matches.ts';
import { Choice, closed, Count, Duration, explain, Flag, Named, Percent, PositiveDuration } from './schema-parts.ts';
import { PoolSchema } from './schema-pools.ts';
import { percentPattern, sizePattern } from './units.ts';

export const WeightsSchema = Named(
  idPattern,
  Type.Integer({ description: 'The pool’s share of new requests, relative to the sum of all. 0 = none.', minimum: 0, maximum: weightMax }),
  {
    description:
      'How new requests are split between the pools. Pools that are not named get 0. If all are 0, requests are answered with 503. May be left out where there is one pool.',
  },
);

export const StickySchema = Type.Object(
  {
    key: Type.Optional(StickyKeySchema),
    target: Flag('Whether clients also stay with one target of their pool, by a second cookie.', stickyDefaults.target),
    onShrink: Choice(
      ['move', 'keep'],
      'What becomes of clients whose place is given to another pool when a weight is lowered: move = they go at once, keep = they stay until their cookie expires, or the deadline of a drain of the pool. keep needs key: { cookie: … }.',
      stickyDefaults.onShrink,
    ),
    maxAge: PositiveDuration('How long clients keep Sluice’s cookies. At least 1s.', stickyDefaults.maxAge),
    path: Type.Optional(
      Type.String({
        description: explain('The part of the site that the cookies are for.', stickyDefaults.path),
        pattern: cookiePathPattern,
        default: stickyDefaults.path.value,
      }),
    ),
    sameSite: Choice(
      ['lax', 'strict', 'none'],
      'Whether requests from other sites bring the cookies. none needs secure: always.',
      stickyDefaults.sameSite,
    ),
    secure: Choice(
      ['auto', 'always'],
      'Whether the cookies are for encrypted connections only. auto = where the client’s connection is encrypted.',
      stickyDefaults.secure,
    ),
  },
  {
    ...closed,
    description:
      'Keeps each client in one pool while weights stand still. Without this key each request is split for itself; {} has all defaults.',
  },
);

export const OverrideSchema = Type.Object(
  {
    match: Type.Optional(OverrideMatchSchema),
    pool: Type.String({ description: 'The pool that gets the requests, whatever its weight.', pattern: idPattern }),
  },
  { ...closed, description: 'Forces a pool for the requests that it matches.' },
);

export const OverridesSchema = Type.Array(OverrideSchema, {
  description: 'Requests whose pool is forced. The first that matches decides, before sticky and weights.',
});

export const MirrorSchema = Type.Object(
  {
    pool: Type.String({ description: 'The pool that gets the copies.', pattern: idPattern }),
    percent: Type.Optional(
      Type.Union([Type.Number({ minimum: 0, maximum: 100 }), Type.String({ pattern: percentPattern })], {
        description: explain('How many of the requests are copied: 10 or "10%", 0.5 or "0.5%".', mirrorDefaults.percent),
        default: mirrorDefaults.percent.value,
      }),
    ),
    unsafe: Flag('Whether requests are copied too whose method is not GET, HEAD or OPTIONS.', mirrorDefaults.unsafe),
  },
  { ...closed, description: 'Copies requests to a pool, whose answers nobody gets.' },
);

export const MirrorsSchema = Type.Array(MirrorSchema, {
  description: 'Pools that get copies of requests. Clients never wait for them.',
});

export const RetrySchema = Type.Object(
  {
    attempts: Count(
      'How many further targets of the same pool are tried when one cannot be reached, or has broken or not answered a GET, HEAD or OPTIONS. 0 = none.',
      0,
      10,
      retryDefaults.attempts,
    ),
    budget: Percent(
      'How many of the requests that a worker has in flight may be ones that were sent again, at a time; three always may. What is over it is answered with the failure.',
      retryDefaults.budget,
    ),
    bodyBuffer: Type.Optional(
      Type.String({
        description: explain(
          'So much of a request’s body is kept so that it can be sent again; a request with a longer one is sent once. Up to 1MiB; 0B = none.',
          retryDefaults.bodyBuffer,
        ),
        pattern: sizePattern,
        default: retryDefaults.bodyBuffer.value,
      }),
    ),
    putDelete: Flag(
      'Whether a PUT or DELETE, too, is sent again when nobody knows whether the target has carried it out.',
      retryDefaults.putDelete,
    ),
    rescue: Flag(
      'Whether a GET, HEAD or OPTIONS that its pool could not answer may be answered by the fallback. It counts as a failure of the pool all the same.',
      retryDefaults.rescue,
    ),
  },
  { ...closed, description: 'What happens when a target cannot be reached or does not answer.' },
);

export const ServiceTimeoutsSchema = Type.Object(
  {
    connect: PositiveDuration(
      'From the start of a TCP connect to its end; then another target is tried, or 504.',
      serviceTimeoutDefaults.connect,
    ),
    response: PositiveDuration(
      'From the last byte of the request to the last byte of the answer’s head; then 504.',
      serviceTimeoutDefaults.response,
    ),
    idle: Duration(
      'Silence in both directions once the answer has begun, and during an upload; then the connection is cut. 0s = no limit.',
      serviceTimeoutDefaults.idle,
    ),
    upgraded: Duration(
      'Silence in both directions on a connection that was upgraded, pings included; then WebSockets get close frame 1001, others are ended. 0s = no limit.',
      serviceTimeoutDefaults.upgraded,
    ),
    request: Duration('From the head of a request to the last byte of its answer. 0s = no limit.', serviceTimeoutDefaults.request),
    drain: Duration(
      'How long what runs on a target may go on when the target is removed, or taken out without a deadline of its own. 0s = it is ended at once.',
      serviceTimeoutDefaults.drain,
    ),
  },
  { ...closed, description: 'How long targets may take.' },
);

export const ServiceSchema = Type.Object(
  {
    pools: Named(idPattern, PoolSchema, { description: 'The versions of the service, by name. At least one.', minProperties: 1 }),
    weights: Type.Optional(WeightsSchema),
    fallback: Type.Optional(
      Type.String({
        description:
          'The pool that takes requests whose own pool has no available target, or no room for them in time. Without this key they are answered with 503.',
        pattern: idPattern,
      }),
    ),
    sticky: Type.Optional(StickySchema),
    overrides: Type.Optional(OverridesSchema),
    mirrors: Type.Optional(MirrorsSchema),
    retry: Type.Optional(RetrySchema),
    timeouts: Type.Optional(ServiceTimeoutsSchema),
    debugHeaders: Flag('Whether answers carry x-sluice-revision, x-sluice-pool and x-sluice-target.', serviceDefaults.debugHeaders),
  },
  { ...closed, description: 'An application that is being released.' },
);

export type ServiceDocument = Static<typeof ServiceSchema>;
export type StickyDocument = Static<typeof StickySchema>;
