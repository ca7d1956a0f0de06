/** A broken assumption of ours, never of the user: it is thrown, answered as 500 where it meets a request, and is always a bug. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an {@link InvariantError} saying what should have been true. */
export function invariant(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new InvariantError(`expected: ${expectation}`);
}

/** For the `default` branch of a switch over a union: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`);
}
