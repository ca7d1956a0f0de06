/**
 * The schema of the configuration document, as users type it. From this one value come the TypeScript types, the validation, the
 * published JSON Schema (`sluice.schema.json`), the reference page and the schemas of the admin API.
 *
 * A schema cannot say everything (which pools exist, which port is free); `semantics.ts` adds that.
 */
import { Type, type Static } from 'typebox';
import { weightMax } from '../src/core/model.ts';
import { listenAddressPattern, targetUrlPattern } from './addresses.ts';
import {
  adminDefaults,
  listenerLimitDefaults,
  listenersDefault,
  listenerTimeoutDefaults,
  logDefaults,
  processDefaults,
  retryDefaults,
  serviceDefaults,
  serviceTimeoutDefaults,
  targetDefaults,
} from './defaults.ts';
import { fieldValuePattern, hostPattern, idPattern, methodPattern, pathPattern, targetIdPattern, tokenPattern } from './names.ts';
import { closed, Count, Duration, explain, Flag, Named, PositiveDuration } from './schema-parts.ts';
import { logLevels, roles, workersMax } from './settings.ts';
import { sizePattern } from './units.ts';

export const ListenerTimeoutsSchema = Type.Object(
  {
    head: PositiveDuration('From the first byte of a request head to its last; then 408.', listenerTimeoutDefaults.head),
    keepAlive: PositiveDuration('How long a client connection may stay idle between two requests.', listenerTimeoutDefaults.keepAlive),
    write: PositiveDuration('How long a client may leave bytes unread before it is cut off.', listenerTimeoutDefaults.write),
  },
  { ...closed, description: 'How long clients may take.' },
);

export const ListenerLimitsSchema = Type.Object(
  {
    headBytes: Type.Optional(
      Type.String({
        description: explain(
          'Size of the request line and all fields together; more is answered with 431. From 1KiB to 1MiB.',
          listenerLimitDefaults.headBytes,
        ),
        pattern: sizePattern,
        default: listenerLimitDefaults.headBytes.value,
      }),
    ),
    fields: Count('Field lines in one head; more are answered with 431.', 8, 10_000, listenerLimitDefaults.fields),
    connections: Count('Open client connections per worker. 0 = no limit.', 0, 1_000_000, listenerLimitDefaults.connections),
    connectionsPerClient: Count(
      'Open connections of one client address per worker. 0 = no limit.',
      0,
      1_000_000,
      listenerLimitDefaults.connectionsPerClient,
    ),
    bodyBytes: Type.Optional(
      Type.Union([Type.Literal(0), Type.String({ pattern: sizePattern })], {
        description: explain('Size of one request body; more is answered with 413. 0 = no limit.', listenerLimitDefaults.bodyBytes),
        default: listenerLimitDefaults.bodyBytes.value,
      }),
    ),
  },
  { ...closed, description: 'How much clients may ask for.' },
);

export const ListenerSchema = Type.Object(
  {
    name: Type.String({ description: 'Its name in logs and messages; unique.', pattern: idPattern }),
    address: Type.String({
      description:
        'IP address and port: "0.0.0.0:8080", ":8080" (the same), "[::]:8080", "127.0.0.1:8080", "localhost:8080". Port 0 takes any free port. Fixed while the process runs.',
      pattern: listenAddressPattern,
    }),
    timeouts: Type.Optional(ListenerTimeoutsSchema),
    limits: Type.Optional(ListenerLimitsSchema),
  },
  { ...closed, description: 'A place where clients connect.' },
);

export const TokenSchema = Type.Object(
  {
    name: Type.String({
      description: 'Who uses it; the journal shows it as the author of a change. Unique, and not "file" or "anonymous".',
      pattern: idPattern,
    }),
    role: Type.Union(
      roles.map((role) => Type.Literal(role)),
      { description: 'viewer reads, operator also moves traffic (weights, switch, undo, restore), admin may do everything.' },
    ),
    tokenFile: Type.String({
      description:
        'A file that holds the secret, one word of ASCII characters; white space around it is ignored. Relative paths count from the working directory.',
      minLength: 1,
    }),
  },
  { ...closed, description: 'A secret that callers of the admin API show.' },
);

export const AdminSchema = Type.Object(
  {
    address: Type.Optional(
      Type.String({
        description: explain(
          'Where the admin API listens. Off loopback at least one token is required. Fixed while the process runs.',
          adminDefaults.address,
        ),
        pattern: listenAddressPattern,
        default: adminDefaults.address.value,
      }),
    ),
    tokens: Type.Optional(
      Type.Array(TokenSchema, {
        description: explain('Who may call. Without tokens everybody on this machine may.', adminDefaults.tokens),
        default: adminDefaults.tokens.value,
      }),
    ),
  },
  { ...closed, description: 'The admin API.' },
);

export const LogSchema = Type.Object(
  {
    level: Type.Optional(
      Type.Union(
        logLevels.map((level) => Type.Literal(level)),
        {
          description: explain('The least important events that are logged.', logDefaults.level),
          default: logDefaults.level.value,
        },
      ),
    ),
    access: Flag('One JSON line per request on standard output.', logDefaults.access),
  },
  { ...closed, description: 'What is logged.' },
);

const TargetUrlSchema = Type.String({
  description:
    'Scheme, host and port, nothing else: "http://10.0.0.7:3000", "http://app.internal", "http://[fd00::7]:3000". Port 80 if none is given.',
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
  },
  { ...closed, description: 'One address that serves requests.' },
);

export const TargetsSchema = Type.Array(Type.Union([TargetUrlSchema, TargetSchema]), {
  description:
    'The addresses of the pool, each a URL or an object with id, url and weight. May be empty: a pool that waits for its targets.',
});

export const PoolSchema = Type.Object(
  {
    targets: TargetsSchema,
    balance: Type.Optional(
      Type.Union([Type.Literal('round-robin')], {
        description: explain('How a target of the pool is chosen.', serviceDefaults.balance),
        default: serviceDefaults.balance.value,
      }),
    ),
  },
  { ...closed, description: 'One version of a service: blue, green, canary.' },
);

export const WeightsSchema = Named(
  idPattern,
  Type.Integer({ description: 'The pool’s share of new requests, relative to the sum of all. 0 = none.', minimum: 0, maximum: weightMax }),
  {
    description:
      'How new requests are split between the pools. Pools that are not named get 0. If all are 0, requests are answered with 503. May be left out where there is one pool.',
  },
);

export const RetrySchema = Type.Object(
  {
    attempts: Count(
      'How many further targets of the same pool are tried when the first could not be reached. 0 = none.',
      0,
      10,
      retryDefaults.attempts,
    ),
  },
  { ...closed, description: 'What happens when a target cannot be reached.' },
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
    request: Duration('From the head of a request to the last byte of its answer. 0s = no limit.', serviceTimeoutDefaults.request),
  },
  { ...closed, description: 'How long targets may take.' },
);

export const ServiceSchema = Type.Object(
  {
    pools: Named(idPattern, PoolSchema, { description: 'The versions of the service, by name. At least one.', minProperties: 1 }),
    weights: Type.Optional(WeightsSchema),
    retry: Type.Optional(RetrySchema),
    timeouts: Type.Optional(ServiceTimeoutsSchema),
    debugHeaders: Flag('Whether answers carry x-sluice-revision, x-sluice-pool and x-sluice-target.', serviceDefaults.debugHeaders),
  },
  { ...closed, description: 'An application that is being released.' },
);

export const RouteMatchSchema = Type.Object(
  {
    host: Type.Optional(
      Type.String({
        description:
          'The Host of the request, without port: "shop.example", or "*.shop.example" for everything below it. Case does not count.',
        pattern: hostPattern,
      }),
    ),
    path: Type.Optional(
      Type.String({
        description: 'The path, exact ("/login") or as a prefix of whole segments ("/api/*" takes /api and all below).',
        pattern: pathPattern,
      }),
    ),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: methodPattern }), {
        description: 'Methods in capitals; one of them must be the request’s. Empty = any.',
      }),
    ),
    headers: Type.Optional(
      Named(tokenPattern, Type.String({ pattern: fieldValuePattern }), {
        description: 'Fields and the exact values that they must have. Case of the names does not count.',
      }),
    ),
    query: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Query parameters, decoded, and the exact values that they must have.' }),
    ),
    cookies: Type.Optional(
      Named(tokenPattern, Type.String({ pattern: fieldValuePattern }), {
        description: 'Cookies and the exact values that they must have.',
      }),
    ),
  },
  { ...closed, description: 'Conditions; all that are given must hold. Without any, the route takes every request.' },
);

export const RouteSchema = Type.Object(
  {
    match: Type.Optional(RouteMatchSchema),
    service: Type.String({ description: 'The service that gets the requests.', pattern: idPattern }),
  },
  { ...closed, description: 'Sends the requests that it matches to a service.' },
);

export const ConfigSchema = Type.Object(
  {
    listeners: Type.Optional(
      Type.Array(ListenerSchema, {
        description: explain('Where clients connect. At least one.', listenersDefault),
        minItems: 1,
        default: listenersDefault.value,
      }),
    ),
    admin: Type.Optional(AdminSchema),
    dataDir: Type.Optional(
      Type.String({
        description: explain(
          'The directory where revisions and the journal are kept. Relative paths count from the working directory. Fixed while the process runs.',
          processDefaults.dataDir,
        ),
        minLength: 1,
        default: processDefaults.dataDir.value,
      }),
    ),
    workers: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: workersMax }), Type.Literal('auto')], {
        description: explain(
          'Processes that carry traffic. auto = one per core; 0 = everything in one process. Fixed while the process runs.',
          processDefaults.workers,
        ),
        default: processDefaults.workers.value,
      }),
    ),
    log: Type.Optional(LogSchema),
    services: Named(idPattern, ServiceSchema, { description: 'The applications, by name. At least one.', minProperties: 1 }),
    routes: Type.Optional(
      Type.Array(RouteSchema, {
        description:
          'Which request goes to which service: most specific host, then longest path, then most conditions; order breaks ties. May be left out where there is one service: it then gets every request.',
        minItems: 1,
      }),
    ),
  },
  { ...closed, description: 'The configuration of Sluice.' },
);

/** The whole document. */
export type ConfigDocument = Static<typeof ConfigSchema>;
export type ListenerDocument = Static<typeof ListenerSchema>;
export type TokenDocument = Static<typeof TokenSchema>;
export type ServiceDocument = Static<typeof ServiceSchema>;
export type PoolDocument = Static<typeof PoolSchema>;
export type TargetsDocument = Static<typeof TargetsSchema>;
export type RouteDocument = Static<typeof RouteSchema>;
