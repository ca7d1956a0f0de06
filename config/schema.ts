/**
 * The schema of the configuration document, as users type it. From this one value come the TypeScript types, the validation, the
 * published JSON Schema (`sluice.schema.json`), the reference page and the schemas of the admin API.
 *
 * A schema cannot say everything (which pools exist, which port is free); `semantics.ts` adds that.
 */
import { Type, type Static } from 'typebox';
import { listenAddressPattern } from './addresses.ts';
import {
  adminDefaults,
  listenerLimitDefaults,
  listenersDefault,
  listenerTimeoutDefaults,
  logDefaults,
  processDefaults,
} from './defaults.ts';
import { idPattern } from './names.ts';
import { clientKeys } from './schema-clients.ts';
import { encryptionKeys } from './schema-encryption.ts';
import { RouteMatchSchema } from './schema-matches.ts';
import { closed, Count, explain, Flag, Named, PositiveDuration } from './schema-parts.ts';
import { ServiceSchema } from './schema-services.ts';
import { logLevels, roles, workersMax } from './settings.ts';
import { sizePattern } from './units.ts';

export { RouteMatchSchema, type OverrideMatchDocument, type RouteMatchDocument } from './schema-matches.ts';
export { PoolSchema, TargetSchema, TargetsSchema, type HealthDocument, type PoolDocument, type TargetsDocument } from './schema-pools.ts';
export {
  MirrorsSchema,
  OverridesSchema,
  ServiceSchema,
  WeightsSchema,
  type ServiceDocument,
  type StickyDocument,
} from './schema-services.ts';

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
    connections: Count(
      'Open client connections, over all workers: each takes its part. 0 = no limit.',
      0,
      1_000_000,
      listenerLimitDefaults.connections,
    ),
    connectionsPerClient: Count(
      'Open connections of one client in each worker: of an IPv4 address, or of an IPv6 network of 64 bits. 0 = no limit.',
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
    ...encryptionKeys,
    ...clientKeys,
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
      {
        description:
          'viewer reads, operator also moves traffic (weights, switch, states, overrides, mirrors, undo, restore), admin may do everything.',
      },
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
          'The directory where revisions, the journal and the keys for signing cookies (signing-keys) are kept. Relative paths count from the working directory. Fixed while the process runs.',
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
export type RouteDocument = Static<typeof RouteSchema>;
