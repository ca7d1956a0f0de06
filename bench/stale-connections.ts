// Question: is a POST lost, or carried out twice, when it comes at the moment at which its target closes the kept connection as idle?
// Method:   20,000 POSTs through a proxy to targets that close after 1, 2 and 5 s, as node:http does and exactly so long after their last
//           byte; every client pauses for that long, ± 300 ms, and has a connection of its own. The targets are in a thread of their own
//           and note every request. About a minute. Run: node bench/stale-connections.ts
import { accountOfStale, type Crowd } from '../test/e2e/stale-account.ts';

const crowds: readonly Crowd[] = (['http', 'raw'] as const).flatMap((closing) => [
  { closing, idleMs: 1000, clients: 100, posts: 60 },
  { closing, idleMs: 2000, clients: 90, posts: 30 },
  { closing, idleMs: 5000, clients: 108, posts: 12 },
  // What is left to ten thousand.
  { closing, idleMs: 1000, clients: 1, posts: 4 },
]);

const account = await accountOfStale(crowds);
console.log(account);
const isClean = account.twice === 0 && account.requests === account.posts && account.answers['200'] === account.posts;
console.log(isClean ? 'Every POST was answered, and none was carried out twice.' : 'POSTs were lost or carried out twice.');
process.exitCode = isClean ? 0 : 1;
