import type { Service } from './model.ts';

/**
 * The weights that count, one per pool in their order: a pool that an operator has taken out has none. Where that would leave nothing,
 * it makes no difference: then the pools with weight are picked all the same, and the fallback or a clear error answers.
 */
export function effectiveWeights({ pools, weights }: Service): readonly { readonly id: string; readonly weight: number }[] {
  const written = pools.map(({ id, state }) => ({ id, state, weight: weights[id]! }));
  const isAnyReady = written.some(({ state, weight }) => state === 'ready' && weight > 0);
  return written.map(({ id, state, weight }) => ({ id, weight: isAnyReady && state !== 'ready' ? 0 : weight }));
}
