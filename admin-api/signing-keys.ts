import { Type } from 'typebox';
import { appliedIn, AppliedSchema, StragglersSchema } from './answers.ts';
import { refuseBody } from './body.ts';
import { Refusal } from './problems.ts';
import { readParameter } from './query.ts';
import type { Route } from './route.ts';

const RotationSchema = Type.Object(
  {
    keys: Type.Integer({ minimum: 1, description: 'How many keys there are now. The newest signs, all of them verify.' }),
    applied: AppliedSchema,
    stragglers: Type.Optional(StragglersSchema),
  },
  { additionalProperties: false },
);

export const signingKeyRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    summary: 'Makes a new key for signing cookies. Cookies that were signed with one of the last four stay good.',
    role: 'admin',
    query: ['timeout'],
    answers: {
      200: { description: 'Every worker signs with the new key.', schema: RotationSchema },
      202: { description: 'The key is saved, but not every worker has it yet.', schema: RotationSchema },
    },
    errors: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
    async handle(call, { signingKeys }) {
      refuseBody(call.body);
      const timeoutMs = readParameter(call, 'timeout');
      if (signingKeys === undefined) throw new Refusal('NOT_FOUND', 'This Sluice keeps no signing keys, so there are none to rotate.');
      await signingKeys.ring.rotate();
      const { applied, stragglers } = await signingKeys.refresh(timeoutMs);
      const body = { keys: signingKeys.ring.keys().length, applied: appliedIn(applied), ...(stragglers.length > 0 ? { stragglers } : {}) };
      return { status: stragglers.length > 0 ? 202 : 200, body };
    },
  },
];
