/** The schema of a pool and its targets, as users type them. */
import { Type, type Static } from 'typebox';
import type { OperatorState } from '../src/core/model.ts';
import { serverNamePattern, targetUrlPattern } from './addresses.ts';
import {
  ejectionDefaults,
  expectDefaults,
  healthDefaults,
  poolDefaults,
  poolLimitDefaults,
  targetDefaults,
  targetTlsDefaults,
  type Default,
} from './defaults.ts';
import { instantPattern } from './instants.ts';
import { fieldValuePattern, targetIdPattern, tokenPattern } from './names.ts';
import { hostFieldPattern, probePathPattern, statusRangesPattern } from './probe-values.ts';
import { HashKeySchema } from './schema-keys.ts';
import { Choice, closed, Count, Duration, explain, Flag, Named, Percent, PositiveDuration } from './schema-parts.ts';

const State = (description: string, byDefault: Default<OperatorState>) => Choice(['ready', 'drain', 'maint'], description, byDefault);

const DrainUntil = Type.Optional(
  Type.String({
    description:
      'Until when what runs may go on where the state is drain or maint: an instant such as "2026-05-01T12:00:00Z". Then it is ended. Left out: as long as it takes.',
    pattern: instantPattern,
  }),
);

const TargetUrlSchema = Type.String({
  description:
    'Scheme, host and port, nothing else: "http://10.0.0.7:3000", "https://app.internal", "http://[fd00::7]:3000". Port 80 if none is given, 443 for https. Each address of a name is a target of its own; the hosts file counts first, then DNS.',
  pattern: targetUrlPattern,
});

export const TargetSchema = Type.Object(
  {
    id: Type.Optional(
      Type.String({
        description:
          'Its name within the pool; unique there. Default: host:port of the URL. A new URL under an old id is the same target, moved.',
        pattern: targetIdPattern,
      }),
    ),
    url: TargetUrlSchema,
    weight: Count(
      'Its share of the pool’s requests, relative to the other targets. 0 = known, but sent nothing.',
      0,
      1000,
      targetDefaults.weight,
    ),
    state: State(
      'drain = nobody new; clients that a cookie binds to the target (sticky.target) may stay until the deadline. maint = nobody, at once. What runs may finish in both. The stricter of this and the state of the pool counts.',
      targetDefaults.state,
    ),
    drainUntil: DrainUntil,
  },
  { ...closed, description: 'One address that serves requests.' },
);

export const TargetsSchema = Type.Array(Type.Union([TargetUrlSchema, TargetSchema]), {
  description: 'The addresses of the pool, each a URL or an object with url. May be empty: a pool that waits for its targets.',
});

export const ExpectSchema = Type.Object(
  {
    status: Type.Optional(
      Type.String({
        description: explain('Status codes and ranges of them, such as "200,204" or "200-299,304".', expectDefaults.status),
        pattern: statusRangesPattern,
        default: expectDefaults.status.value,
      }),
    ),
    headers: Type.Optional(
      Named(tokenPattern, Type.String({ pattern: fieldValuePattern }), {
        description: explain('Fields that the answer must have, with these exact values.', expectDefaults.headers),
        default: expectDefaults.headers.value,
      }),
    ),
    body: Type.Optional(
      Type.String({
        description: explain('Text that the first 64 KiB of the answer must contain. "" = any.', expectDefaults.body),
        default: expectDefaults.body.value,
      }),
    ),
  },
  { ...closed, description: 'What an answer must be like to count as a pass. Only for http and https.' },
);

export const HealthSchema = Type.Object(
  {
    type: Choice(
      ['http', 'https', 'tcp'],
      'What is asked; tcp only opens a connection. A target whose URL says https:// is asked over TLS with http, too, where port is its own.',
      healthDefaults.type,
    ),
    path: Type.Optional(
      Type.String({
        description: explain('Path, with a query if need be. Only for http and https.', healthDefaults.path),
        pattern: probePathPattern,
        default: healthDefaults.path.value,
      }),
    ),
    method: Choice(['GET', 'HEAD', 'OPTIONS'], 'Only for http and https.', healthDefaults.method),
    host: Type.Optional(
      Type.String({
        description:
          'The Host that is sent. Default: host and port as in the URL of the target, also where that is a name. Only for http and https.',
        pattern: hostFieldPattern,
      }),
    ),
    port: Type.Optional(Type.Integer({ description: 'The port that is asked. Default: that of the target.', minimum: 1, maximum: 65_535 })),
    verify: Flag('Whether the certificate must be valid, where probes go over TLS. false counts for probes alone.', healthDefaults.verify),
    interval: PositiveDuration('From one probe to the next, give or take a tenth. From 100ms to 1h.', healthDefaults.interval),
    timeout: PositiveDuration('How long a probe may take in all. At most ten times the interval.', healthDefaults.timeout),
    rise: Count('So many passes in a row make an unhealthy target healthy.', 1, 100, healthDefaults.rise),
    fall: Count('So many failures in a row make a healthy target unhealthy.', 1, 100, healthDefaults.fall),
    expect: Type.Optional(ExpectSchema),
    agent: Flag(
      'Whether the target may tell its own weight and state by the field x-sluice-weight on its answers: a percentage of its weight, ready, drain or maint.',
      healthDefaults.agent,
    ),
  },
  { ...closed, description: 'How the targets are probed. Without this key they are not, and count as healthy.' },
);

export const EjectionSchema = Type.Object(
  {
    failures: Count(
      'So many failed connections in a row make a worker leave the target out for a while; what the application answers does not count. 0 = never.',
      0,
      1000,
      ejectionDefaults.failures,
    ),
    base: PositiveDuration('How long the first time; then twice as long, three times …', ejectionDefaults.base),
    max: PositiveDuration('How long at most. Not below base.', ejectionDefaults.max),
    share: Percent('How many of the targets may be left out at a time. The last one that is available never is.', ejectionDefaults.share),
  },
  { ...closed, description: 'When a target that fails real requests is left out for a while.' },
);

export const PoolLimitsSchema = Type.Object(
  {
    maxConnections: Count('Connections to each target. 0 = no limit.', 0, 1_000_000, poolLimitDefaults.maxConnections),
    maxInFlight: Count('Requests at the same time to each target. 0 = no limit.', 0, 1_000_000, poolLimitDefaults.maxInFlight),
    maxQueued: Count(
      'Requests that may wait for a target of the pool to have room; more go to the fallback, or are answered with 503. 0 = none waits.',
      0,
      1_000_000,
      poolLimitDefaults.maxQueued,
    ),
    queueTimeout: PositiveDuration(
      'How long a request may wait; then the fallback is asked, or it is answered with 503.',
      poolLimitDefaults.queueTimeout,
    ),
  },
  {
    ...closed,
    description:
      'How much the targets are given, over all workers. Each has its part: whole, and at least one, so that a limit below the number of workers lets one per worker through.',
  },
);

const FilePath = (description: string) => Type.Optional(Type.String({ description, minLength: 1 }));

export const TargetTlsSchema = Type.Object(
  {
    verify: Flag(
      'Whether a target’s certificate must be valid, made out to its name, and signed by somebody who is trusted.',
      targetTlsDefaults.verify,
    ),
    serverName: Type.Optional(
      Type.String({
        description:
          'The name that is asked for, and that the certificate must be made out to. Default: the host of the target’s URL, also where that is a name that has been resolved.',
        pattern: serverNamePattern,
      }),
    ),
    ca: FilePath(
      'A PEM file with the authorities that may have signed the certificates of targets. Default: those that Node knows. Relative paths count from the working directory.',
    ),
    cert: FilePath('A PEM file with the certificate that is shown to targets, and the chain behind it. Default: none is shown.'),
    key: FilePath('A PEM file with the key of cert.'),
  },
  { ...closed, description: 'How targets are reached whose URL says https://. Files are read again when they change.' },
);

export const PoolSchema = Type.Object(
  {
    targets: TargetsSchema,
    state: State(
      'For all of its targets. drain = nobody new; clients that a cookie binds to the pool go to another one at once, but for sticky.onShrink: keep, where they may stay until the deadline. maint = nobody, at once. A pool that is not ready counts as one of weight 0.',
      poolDefaults.state,
    ),
    drainUntil: DrainUntil,
    balance: Choice(
      ['round-robin', 'least-requests', 'p2c-ewma', 'hash', 'random'],
      'How a target of the pool is chosen: in turn, the one with the fewest requests, the quicker of two, by a key of the request (hashKey), or by chance.',
      poolDefaults.balance,
    ),
    hashKey: Type.Optional(HashKeySchema),
    health: Type.Optional(HealthSchema),
    ejection: Type.Optional(EjectionSchema),
    panic: Percent(
      'Where no more than this share of the targets is available, all are used but those that an operator has taken out. 0% = only where none is available.',
      poolDefaults.panic,
    ),
    slowStart: Duration(
      'A target that becomes available is given its weight little by little over this time. 0s = at once.',
      poolDefaults.slowStart,
    ),
    limits: Type.Optional(PoolLimitsSchema),
    tls: Type.Optional(TargetTlsSchema),
  },
  { ...closed, description: 'One version of a service: blue, green, canary.' },
);

export type PoolDocument = Static<typeof PoolSchema>;
export type TargetsDocument = Static<typeof TargetsSchema>;
export type HealthDocument = Static<typeof HealthSchema>;
