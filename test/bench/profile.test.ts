import { expect, test } from 'vitest';
import { rootDir } from '../../bench/command.ts';
import { innermostOfOurs, itself, selfTimes, type CpuProfile } from '../../bench/profile.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 });

/** Samples at 100, 110, … µs, one of each node in turn, 10 µs apart but for the last, which nothing follows. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5] },
    { id: 2, callFrame: frame('serve', `file://${rootDir}/proxy/serve.ts`), children: [3] },
    { id: 3, callFrame: frame('write', 'node:net'), children: [4] },
    { id: 4, callFrame: frame('writev') },
    { id: 5, callFrame: frame('(idle)') },
  ],
  startTime: 90,
  samples: [2, 3, 4, 5, 4],
  timeDeltas: [10, 10, 10, 10, 10],
};

test('time belongs to the function that ran, or to the innermost of ours that had it run; idle time to nobody', () => {
  expect(selfTimes(profile, 0, 1000, itself)).toEqual([
    { place: 'serve  proxy/serve.ts:10', us: 10 },
    { place: 'write  node:net:10', us: 10 },
    { place: 'writev', us: 10 },
  ]);
  expect(selfTimes(profile, 0, 1000, innermostOfOurs)).toEqual([{ place: 'serve  proxy/serve.ts:10', us: 30 }]);
});

test('only what was sampled under load counts', () => {
  expect(selfTimes(profile, 110, 130, itself).map(({ place }) => place)).toEqual(['write  node:net:10', 'writev']);
});
