/** Times `run`, which does something `times` times, and returns the median of nine runs in nanoseconds per time. */
export function medianNanoseconds(times: number, run: (times: number) => void): number {
  run(times);
  const rounds = Array.from({ length: 9 }, () => {
    const start = process.hrtime.bigint();
    run(times);
    return Number(process.hrtime.bigint() - start) / times;
  });
  return rounds.toSorted((a, b) => a - b)[4]!;
}
