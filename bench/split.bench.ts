// Question: what does an exact split cost per request, by the number of pools? A coin flip stays below for comparison.
// Method:   1e7 picks after warm-up, median of 9 runs.
import { SplitSequence } from '../src/core/split.ts';
import { medianNanoseconds } from './micro.ts';

const times = 10_000_000;

for (const weights of [[100], [99, 1], [90, 9, 1], [10, 10, 10, 10, 10, 10, 10, 30]]) {
  const arms = weights.map((weight, index) => ({ id: `pool-${index}`, weight }));
  const split = new SplitSequence(arms, undefined, Math.random);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let picked = 0;
  const exact = medianNanoseconds(times, (rounds) => {
    for (let round = 0; round < rounds; round++) picked += split.pick(Math.random);
  });
  const coin = medianNanoseconds(times, (rounds) => {
    for (let round = 0; round < rounds; round++) {
      let point = Math.random() * total;
      let pool = 0;
      while ((point -= weights[pool]!) >= 0) pool++;
      picked += pool;
    }
  });
  if (Number.isNaN(picked)) throw new Error('nothing was picked');
  console.log(`${weights.join('/').padEnd(24)} exact ${exact.toFixed(1)} ns, coin ${coin.toFixed(1)} ns`);
}
