import { expect, test } from 'vitest';
import { EventLog } from '../../src/control/events.ts';
import type { Happening } from '../../src/control/ports.ts';

const aHappening: Happening = { kind: 'busy', service: 'shop', pool: 'blue', target: 'b1', from: 'free', to: 'busy', cause: 'status 429' };

/** The lines that an event log writes about happenings. */
function linesAbout(...happenings: readonly Happening[]): { fields: unknown; message: string | undefined }[] {
  const lines: { fields: unknown; message: string | undefined }[] = [];
  const events = new EventLog({
    log: { info: (fields: unknown, message?: string) => void lines.push({ fields, message }) },
    clock: { nowMs: () => 0 },
  });
  for (const happening of happenings) events.note(happening);
  return lines;
}

test('a target that is free again is told by the words that tell that it is busy, and they are true of both', () => {
  const [busy, free] = linesAbout(aHappening, { ...aHappening, from: 'busy', to: 'free', cause: 'it answers probes again' });
  expect(busy).toEqual({
    fields: { service: 'shop', pool: 'blue', target: 'b1', from: 'free', to: 'busy', cause: 'status 429' },
    message: 'target became busy or free',
  });
  expect(free!.message).toBe(busy!.message);
});

test('what is about a whole pool names no target', () => {
  const [line] = linesAbout({ ...aHappening, kind: 'state', target: '', from: 'ready', to: 'drain' });
  expect(line!.fields).toEqual({ service: 'shop', pool: 'blue', from: 'ready', to: 'drain', cause: 'status 429' });
});

test('what has a line in the log already gets no second one', () => {
  expect(linesAbout({ ...aHappening, kind: 'certificates', to: 'refused', isLogged: true })).toEqual([]);
});
