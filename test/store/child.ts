/**
 * A process of its own around a store, for what can only be shown with processes.
 *
 *   commit DIRECTORY        commits revisions for ever and writes each number when it is acknowledged
 *   hold DIRECTORY          opens the store, says so, and keeps it open
 *   open DIRECTORY [UID]    opens and closes it (as that user) and says how it went
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { aRevision, changesOf } from './revision.ts';

const [mode, directory, uid] = process.argv.slice(2);
// Synchronous, so that what has been said when the process is killed has really been said.
const say = (line: string): void => void writeSync(1, `${line}\n`);

if (uid !== undefined) process.setuid!(Number(uid));
try {
  const store = await openSqliteStore(directory!);
  say('open');
  if (mode === 'open') await store.close();
  if (mode === 'hold') setInterval(() => {}, 1_000_000);
  if (mode === 'commit') {
    for (let number = ((await store.latest())?.number ?? 0) + 1; ; number++) {
      await store.commit(aRevision(number), changesOf(number));
      say(String(number));
    }
  }
} catch (cause) {
  say(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
}
