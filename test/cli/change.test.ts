import { expect, test } from 'vitest';
import { reportChange, type ChangeBody } from '../../src/cli/change.ts';

const body: ChangeBody = { revision: 2, previous: 1, changed: true, changes: [], applied: [] };
const none = { http: 0, streaming: 0, upgraded: 0 };

test.each<{ answer: Partial<ChangeBody>; says: string[]; code: number }>([
  { answer: {}, says: [], code: 0 },
  { answer: { drained: true }, says: [], code: 0 },
  {
    answer: { drained: false, remaining: { http: 2, streaming: 1, upgraded: 1 } },
    says: [
      'Not drained yet: 4 in flight (1 streaming, 1 upgraded). What is left when the deadline is over is ended; "sluice status" shows it.',
    ],
    code: 5,
  },
  {
    answer: { drained: false, remaining: none, mayCome: true },
    says: [
      'Not drained yet: 0 in flight, and clients that are bound to it may come until the deadline; "sluice maint" sends nobody there.',
    ],
    code: 5,
  },
  {
    answer: { drained: false, remaining: none, stragglers: [{ worker: 2, pid: 7 }] },
    says: [
      'Not drained yet: 0 in flight as far as is known.',
      'Not yet applied by worker 2 (pid 7): it still handles requests by an earlier revision.',
    ],
    code: 5,
  },
  {
    answer: { drained: false, remaining: none },
    says: ['Not drained yet: 0 in flight, but it is back, or not every worker has told yet.'],
    code: 5,
  },
])('of $answer it says $says and ends with $code', ({ answer, says, code }) => {
  const complaints: string[] = [];
  const output = { print: () => {}, complain: (text: string) => void complaints.push(text) };
  expect(reportChange({ ...body, ...answer }, false, output)).toBe(code);
  expect(complaints).toEqual(says);
});
