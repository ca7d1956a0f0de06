/** The reference page `docs/admin-api.md`, made from the tables that the code itself runs on. */
import { errorSummaries, type ErrorCode } from '../src/core/errors.ts';
import { statusOf } from './error-status.ts';
import { problemType } from './problems.ts';
import { queryParameters } from './query.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

export function referencePage(): string {
  return `${introduction}
## Calls

Parameters of a path are written \`{so}\`. Every \`GET\` may be asked with \`HEAD\`.

| call | role | query | does |
|---|---|---|---|
${routes.map(callRow).join('\n')}

## Query parameters

| parameter | default | means |
|---|---|---|
${Object.entries(queryParameters)
  .map(
    ([name, { schema, description }]) => `| \`${name}\` | ${'default' in schema ? `\`${String(schema.default)}\`` : ''} | ${description} |`,
  )
  .join('\n')}

A parameter that a call does not know is an error.

## Errors

Every error is an RFC 9457 problem: \`application/problem+json\` with

- \`code\`, as below, and the same as \`type\`, which is a name and no address: \`${problemType('STALE_REVISION')}\`;
- \`title\`, the sentence below; \`status\`; \`detail\`: what happened here, to what, and the way out;
- \`problems\`, where a document is at fault: a list of \`{pointer, message}\`. A \`pointer\` (RFC 6901) leads into the body that you sent: a weight
  that cannot be is \`/blue\` in the body of \`PUT …/weights\` and \`/services/shop/weights/blue\` in that of \`PUT /v1/config\`. What is wrong
  elsewhere, for example a route that names the service which you delete, has a \`documentPointer\` into the configuration instead.

| code | status | means |
|---|---|---|
${(Object.keys(errorSummaries) as ErrorCode[]).map((code) => `| \`${code}\` | ${statusOf[code]} | ${errorSummaries[code]} |`).join('\n')}
`;
}

function callRow({ method, path, role, query, summary }: Route): string {
  const shownPath = path.replaceAll(/:(\w+)/g, '{$1}');
  return `| \`${method} ${shownPath}\` | ${role} | ${query.map((name) => `\`${name}\``).join(' ')} | ${summary} |`;
}

const introduction = `# The admin API

JSON over HTTP, by default on \`127.0.0.1:8081\`. \`GET /openapi.json\` describes it for programs. This page is made from the code by
\`node admin-api/publish-reference.ts\`.

## Changes

A change is decided, saved, published to every worker, and then answered:

\`\`\`sh
curl -s -X PUT localhost:8081/v1/services/shop/weights -d '{"blue":90,"green":10}'
\`\`\`

\`\`\`json
{"revision":43,"previous":42,"changed":true,"changes":[{"pointer":"/services/shop/weights/blue","before":100,"after":90}],"applied":[{"worker":1,"ms":0.2}]}
\`\`\`

| status | means |
|---|---|
| 200 | Every worker has applied it: no request that arrives from now on is handled by an older revision. |
| 202 | It is saved and in force, but the workers named in \`stragglers\` had not applied it when the time ran out; they will. Always with \`wait=none\`. |
| 503 | It could not be saved, so nothing has changed. |

- **\`changed: false\`**: the document already said so. No revision was made.
- **\`warnings\`** says what is allowed and probably not meant: weight on a pool that cannot serve or is taken out, a fallback or an override that leads to nothing.
- **Weights** are relative: 90 and 10 mean the same as 9 and 1. All weights 0 is allowed and means that requests are answered with 503 \`no_weight\`.
- **\`If-Match\`** with the \`ETag\` of what you read makes a change only if nobody else has changed anything since (412 otherwise). Of two writers
  with the same \`If-Match\` exactly one wins.
- **Undo** goes back to the revision before, as a new revision; undo twice goes two changes back. **Restore** goes to any saved revision. What is
  fixed while Sluice runs (addresses, \`admin\`, \`dataDir\`, \`workers\`, \`log\`) stays as it is.
- **A body is JSON whatever curl calls it.** A key that stands twice in one object is refused. A call from a browser (one with \`Origin\` or \`Sec-Fetch-Site\`) must be same-origin and say
  \`application/json\`.

## Taking out and draining

\`\`\`sh
curl -s -X POST 'localhost:8081/v1/services/shop/pools/green/state?wait=drained' -d '{"state":"drain","deadline":"30s"}'
curl -s -X POST localhost:8081/v1/services/shop/pools/green/targets/10.0.0.7:3000/state -d '{"state":"ready"}'
\`\`\`

\`drain\` sends nobody new. Clients that a cookie binds to a target which drains may stay until the deadline; those of a pool that drains go to another one
with their next request, but for \`onShrink: keep\`, where they may stay as well. \`maint\` sends nobody. What runs may finish until the deadline; then it is
ended, WebSockets with a close frame and spread over some seconds. A state is a change like any other: it is saved, and \`undo\` takes it back. With
\`wait=drained\`, also when a target, pool or service is removed, the call is answered when every worker has applied it, nothing runs there and
nobody may come any more: 200 with \`"drained":true\`, or 202 with \`remaining\` when \`timeout\` is over, and with \`mayCome\` where clients that are bound to it may be sent
there until the deadline.

Asking for the state that something is in already changes nothing, unless it names another \`deadline\`: a call may be repeated. Replacing a pool or a
target (\`PUT\`) leaves its state and \`drainUntil\` as they are, and those of the pool's targets by their ids, where the body does not name them; \`"state":"ready"\` brings
it back. Going back (\`undo\`, \`restore\`) to where something was taken out that is not now gives what runs there \`timeouts.drain\` from now on.

The name of a target stands in the path as it is; a host:port needs no encoding. A target whose name has been resolved is shown once for each
address, as \`id@address\`, and is changed under its own name.

## Probes

\`/livez\` is 200 as long as control answers. \`/readyz\` is 503 until every worker has started; after that it is 200 as long as at least one
worker serves, also while others are being replaced, and 503 from the moment of stopping. Neither needs a token.

## Roles

Without \`admin.tokens\` everybody who can reach the API may do everything, which is why it then listens on loopback only and takes calls for
that host only. With tokens, every call but the probes carries \`Authorization: Bearer …\`. A \`viewer\` reads; an \`operator\` also moves traffic: weights,
switch, states, overrides, mirrors, undo, restore; an \`admin\` also changes configuration, services, pools and targets, and rotates signing keys.
`;
