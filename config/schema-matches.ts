/** Conditions on requests, as users type them: those of routes, and those of overrides, which know more. */
import { Type, type Static } from 'typebox';
import { fieldValuePattern, hostPattern, methodPattern, pathPattern, tokenPattern } from './names.ts';
import { networkPattern } from './networks.ts';
import { PercentKeySchema } from './schema-keys.ts';
import { closed, Named } from './schema-parts.ts';
import { percentPattern } from './units.ts';

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

export const OverrideMatchSchema = Type.Object(
  {
    ...RouteMatchSchema.properties,
    clients: Type.Optional(
      Type.Array(Type.String({ pattern: networkPattern }), {
        description: 'Networks such as "10.0.0.0/8", or addresses; the client’s address must be in one of them. Empty = any.',
      }),
    ),
    percent: Type.Optional(
      Type.Object(
        {
          of: PercentKeySchema,
          share: Type.String({ description: 'How many of the values: "10%", "0.5%".', pattern: percentPattern }),
        },
        {
          ...closed,
          description: 'Takes a share of the values that requests are told apart by, always the same ones; never requests that have none.',
        },
      ),
    ),
  },
  { ...closed, description: 'Conditions; all that are given must hold. Without any, the override takes every request.' },
);

export type RouteMatchDocument = Static<typeof RouteMatchSchema>;
export type OverrideMatchDocument = Static<typeof OverrideMatchSchema>;
