/** What requests can be told apart by, as users type it: an object with exactly one key, which says where the value is found. */
import { Type, type Static, type TObject, type TProperties } from 'typebox';
import { poolDefaults, stickyDefaults } from './defaults.ts';
import { tokenPattern } from './names.ts';
import { closed, explain } from './schema-parts.ts';

/** Exactly one of the members; `shape.ts` explains the two other possibilities. */
const OneOf = <T extends TProperties>(members: T, description: string, byDefault?: object): TObject<T> =>
  Type.Object(members, {
    ...closed,
    description,
    minProperties: 1,
    maxProperties: 1,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  });

const found = {
  header: Type.Optional(Type.String({ description: 'A field of the request, by name.', pattern: tokenPattern })),
  query: Type.Optional(Type.String({ description: 'A query parameter, by name.', minLength: 1 })),
  jwt: Type.Optional(
    Type.String({
      description: 'A claim of the JSON web token in "Authorization: Bearer …", by name. The token is not verified.',
      minLength: 1,
    }),
  ),
  address: Type.Optional(Type.Literal(true, { description: 'The client’s address.' })),
};

const anyCookie = Type.Optional(Type.String({ description: 'A cookie, whoever sets it, by name.', pattern: tokenPattern }));

export const StickyKeySchema = OneOf(
  {
    cookie: Type.Optional(
      Type.String({
        description: 'A cookie of Sluice’s own with this name: signed, with a random id, given to clients that have none.',
        pattern: tokenPattern,
      }),
    ),
    appCookie: Type.Optional(
      Type.String({ description: 'A cookie that the application sets, by name. Clients without it are not bound.', pattern: tokenPattern }),
    ),
    ...found,
  },
  explain('What clients are told apart by: exactly one of these keys.', stickyDefaults.key),
  stickyDefaults.key.value,
);

export const HashKeySchema = OneOf(
  {
    cookie: anyCookie,
    ...found,
    path: Type.Optional(Type.Literal(true, { description: 'The path of the request, without its query.' })),
  },
  explain(
    'What the target is chosen by: exactly one of these keys. Requests that do not have it go round robin. Only with balance: hash.',
    poolDefaults.hashKey,
  ),
  poolDefaults.hashKey.value,
);

export const PercentKeySchema = OneOf(
  { cookie: anyCookie, ...found },
  'What is shared out: exactly one of these keys. The same value is always treated the same way.',
);

export type StickyKeyDocument = Static<typeof StickyKeySchema>;
export type RequestKeyDocument = Static<typeof HashKeySchema>;
