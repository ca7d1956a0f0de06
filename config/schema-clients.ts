/** The keys of a listener that say who is calling, and what their requests are called. */
import { Type } from 'typebox';
import { clientDefaults } from './defaults.ts';
import { networkPattern } from './networks.ts';
import { Choice, closed, explain, Flag } from './schema-parts.ts';

export const clientKeys = {
  proxyProtocol: Type.Optional(
    Type.Object(
      {
        from: Type.Array(Type.String({ pattern: networkPattern }), {
          description:
            'Networks such as "10.0.0.0/8", or addresses. A connection from one of them must begin with a header, version 1 or 2, or is closed; from elsewhere none is read.',
          minItems: 1,
        }),
      },
      {
        ...closed,
        description: 'Load balancers in front that say by a PROXY protocol header whom they speak for. Left out: nobody does.',
      },
    ),
  ),
  trustedProxies: Type.Optional(
    Type.Array(Type.String({ pattern: networkPattern }), {
      description: explain(
        'Networks such as "10.0.0.0/8", or addresses, of proxies in front whose X-Forwarded-For, -Proto and -Host are believed and kept; from elsewhere they are overwritten.',
        clientDefaults.trustedProxies,
      ),
      default: clientDefaults.trustedProxies.value,
    }),
  ),
  requestIds: Flag(
    'Whether requests that have no valid X-Request-Id or traceparent are given one. false = both are passed on as they come.',
    clientDefaults.requestIds,
  ),
  traceContext: Choice(
    ['make', 'pass'],
    'make: a request without a valid traceparent begins a trace, marked as sampled. pass: only what comes is passed on, for applications that sample by ratio.',
    clientDefaults.traceContext,
  ),
};
