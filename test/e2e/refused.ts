import type { TestContext } from 'vitest';
import { eventually } from '../support/process.ts';
import { Connection } from './connection.ts';

/** Resolves when nobody accepts connections any more. */
export async function untilRefused(t: TestContext, url: string): Promise<void> {
  const connect = () =>
    Connection.open(t, url).then(
      () => 'accepted',
      () => 'refused',
    );
  await eventually(connect, (outcome) => outcome === 'refused');
}
