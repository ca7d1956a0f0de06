/** The admin API as a Fastify app. The calls are in `routes.ts`; here is what all of them have in common. */
import type { ServerResponse } from 'node:http';
import swagger from '@fastify/swagger';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { isLoopback } from '../config/addresses.ts';
import { StoreError } from '../src/control/ports.ts';
import { authorize, Gatekeeper, type Caller } from './auth.ts';
import { bodyBytesMax, checkMediaType, parseBody } from './body.ts';
import { describeRoute, namedSchemas, openApiInfo } from './openapi.ts';
import type { AdminApiOptions } from './options.ts';
import { refuseConnection } from './not-http.ts';
import { Refusal, refusalAnswer } from './problems.ts';
import { readQuery } from './query.ts';
import type { Answer, ApiContext, Call, Route } from './route.ts';
import { routes } from './routes.ts';
import { checkHost, checkOrigin, isFromBrowser, type SiteFields } from './same-site.ts';
import { unknownPath } from './unknown-path.ts';

/** How long a client may take to send a call. Answers may take longer: they wait for workers. */
const requestTimeoutMs = 30_000;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs. */
    caller: Caller | undefined;
  }
  interface FastifyContextConfig {
    /** The call of the table that this is. */
    sluice?: Route;
  }
}

/** What `parseBody` and the router make of every call. */
interface RouteTypes {
  Params: Call['params'];
  Body: Call['body'];
}

/** Builds the app; the caller listens with it. Throws where it would let strangers in: no tokens off loopback, or an empty secret. */
export function buildAdminApi(options: AdminApiOptions): FastifyInstance {
  const gatekeeper = new Gatekeeper(options.tokens);
  if (!gatekeeper.needsToken && !isLoopback(options.address.host)) {
    throw new Error(
      `the admin API listens on ${options.address.host}, where others can reach it, so it needs admin.tokens; add one or use 127.0.0.1`,
    );
  }

  const app: FastifyInstance = fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _request, reply) => void sendError(error, reply, options),
  });
  // Both would change what people sent without a word: `"90"` would pass for 90, a misspelt key for nothing. We check for ourselves.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.decorateRequest('caller', undefined);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, bytes: Buffer) => parseBody(bytes));

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    admit(request, options, gatekeeper);
  });
  app.setErrorHandler((error, _request, reply) => sendError(error, reply, options));
  // A path that is not in the table has been refused by the hook above; this is for Fastify, which wants a handler.
  app.setNotFoundHandler((request) => {
    throw unknownPath(request.method, pathOf(request));
  });

  for (const schema of namedSchemas(routes)) app.addSchema(schema);
  void app.register(swagger, {
    openapi: openApiInfo,
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === 'string' ? $id : `schema-${index}`) },
  });
  const context: ApiContext = { ...options, openApi: () => app.swagger() };
  void app.register(async (registered) => {
    for (const route of routes) {
      registered.route<RouteTypes>({
        method: route.method,
        url: route.path,
        config: { sluice: route },
        schema: describeRoute(route),
        handler: async (request, reply) => send(await route.handle(callOf(route, request, hangUpOf(reply)), context), reply),
      });
    }
  });
  return app;
}

/** Everything that is decided before the body is read: a refused call costs nothing. */
function admit(request: FastifyRequest, options: AdminApiOptions, gatekeeper: Gatekeeper): void {
  const { headers } = request;
  if (!gatekeeper.needsToken) checkHost(headers.host, options.address);

  const route = request.routeOptions.config.sluice;
  if (route?.role !== 'public') {
    // Who may not call does not learn which paths there are either.
    request.caller = gatekeeper.identify(headers.authorization);
    if (request.is404) throw unknownPath(request.method, pathOf(request));
    authorize(request.caller, route?.role ?? 'viewer');
  }
  if (request.method === 'GET' || request.method === 'HEAD') return;

  const site: SiteFields = { host: headers.host, origin: headers.origin, fetchSite: single(headers['sec-fetch-site']) };
  const fromBrowser = isFromBrowser(site);
  if (fromBrowser) checkOrigin(site);
  if (headers['idempotency-key'] !== undefined) {
    throw new Refusal('INVALID', 'Idempotency-Key is not supported yet; leave it out, and use If-Match to repeat a change safely.');
  }
  if (hasBody(request)) checkMediaType(headers['content-type'], headers['content-encoding'], fromBrowser);
}

function callOf(route: Route, request: FastifyRequest<RouteTypes>, signal: AbortSignal): Call {
  return {
    params: request.params,
    query: readQuery(route, request.url.split('?').slice(1).join('?')),
    body: request.body,
    ifMatch: request.headers['if-match'],
    actor: request.caller?.name ?? 'anonymous',
    signal,
  };
}

/** Aborts when the connection is gone and the answer is not. */
function hangUpOf({ raw }: { readonly raw: ServerResponse }): AbortSignal {
  const hangUp = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) hangUp.abort();
  });
  return hangUp.signal;
}

function send({ status, body, contentType = 'application/json', headers = {} }: Answer, reply: FastifyReply): FastifyReply {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  const type = /^application\/(problem\+)?json$/.test(contentType) ? `${contentType}; charset=utf-8` : contentType;
  return reply.code(status).headers(headers).type(type).send(text);
}

function sendError(error: unknown, reply: FastifyReply, { log }: AdminApiOptions): FastifyReply {
  if (error instanceof Refusal) return send(refusalAnswer(error), reply);
  if (error instanceof StoreError) {
    log.error({ err: error }, 'reading the store failed');
    return send(refusalAnswer(new Refusal('STORE_UNAVAILABLE', error.message)), reply);
  }
  const status = statusOfFramework(error);
  if (status === 413) {
    return send(
      refusalAnswer(new Refusal('BODY_TOO_LARGE', `The body is larger than ${bodyBytesMax} bytes; send a smaller change.`)),
      reply,
    );
  }
  if (status === 415)
    return send(refusalAnswer(new Refusal('UNSUPPORTED_MEDIA_TYPE', 'The Content-Type field is not one; send application/json.')), reply);
  if (status >= 400 && status < 500) return send(refusalAnswer(new Refusal('MALFORMED', `${messageOf(error)}.`)), reply);
  log.error({ err: error }, 'the admin API failed');
  return send(refusalAnswer(new Refusal('INTERNAL', 'This is a bug in Sluice; please report it with the line in the log.')), reply);
}

/** Fastify's own errors carry the status that they are meant for. */
function statusOfFramework(error: unknown): number {
  const status: unknown = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : 500;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}

function hasBody(request: FastifyRequest): boolean {
  return request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0';
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0]!;
}

function single(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(', ') : field;
}
