import { Type } from 'typebox';
import { appliedIn, AppliedSchema, StragglersSchema } from './answers.ts';
import { refuseBody } from './body.ts';
import { readIfMatch } from './if-match.ts';
import { Refusal, rejectionAnswer } from './problems.ts';
import { readParameter } from './query.ts';
import type { Route } from './route.ts';

const RotationSchema = Type.Object(
  {
    key: Type.String({ description: 'The id of the key that signs now. It stands in each cookie, and is no secret.' }),
    keys: Type.Integer({ minimum: 1, description: 'How many keys there are now. One signs, all of them verify.' }),
    applied: AppliedSchema,
    stragglers: Type.Optional(StragglersSchema),
    otherMachines: Type.Optional(
      Type.String({
        description:
          'Where the keys are kept in a file: what has to be done if other machines share it, because nothing does it by itself.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const signingKeyRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    summary:
      'Makes a new key for signing cookies, which signs as soon as every worker knows it. Cookies that were signed with one of the last four stay good. ' +
      'Other machines that share the keys know it only when the file `signing-keys` has been copied there and Sluice been restarted; ' +
      'until then clients who come there with a new cookie are new clients there. Refused within a minute of the last one, but with force.',
    role: 'admin',
    query: ['timeout', 'reason', 'force'],
    ifMatch: true,
    answers: {
      200: { description: 'Every worker signs with the new key.', schema: RotationSchema },
      202: { description: 'The key is saved and signs, but not every worker has it yet.', schema: RotationSchema },
    },
    errors: ['NOT_FOUND', 'STALE_REVISION', 'TOO_SOON', 'STORE_UNAVAILABLE', 'SHUTTING_DOWN'],
    async handle(call, { signingKeys }) {
      refuseBody(call.body);
      const options = {
        actor: call.actor,
        reason: readParameter(call, 'reason'),
        ifRevisions: readIfMatch(call.ifMatch),
        timeoutMs: readParameter(call, 'timeout'),
        isForced: readParameter(call, 'force'),
      };
      if (signingKeys === undefined) throw new Refusal('NOT_FOUND', 'This Sluice keeps no signing keys, so there are none to rotate.');
      const reply = await signingKeys.rotate(options);
      if (reply.kind === 'rejected') return rejectionAnswer(reply);
      const { key, keys, file, applied, stragglers } = reply;
      const body = {
        key,
        keys,
        applied: appliedIn(applied),
        ...(stragglers.length > 0 ? { stragglers } : {}),
        ...(file === undefined ? {} : { otherMachines: adviceAbout(file) }),
      };
      return { status: stragglers.length > 0 ? 202 : 200, body };
    },
  },
];

function adviceAbout(file: string): string {
  return (
    `If other machines share these keys, they do not know the new one yet: copy ${file} to them and restart Sluice there, one after the other. ` +
    'Until that is done, clients who were given a cookie here are new clients there, and may come to another pool.'
  );
}
