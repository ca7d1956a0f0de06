/** The kinds of fuzz cases. A case is a number: seed and number make the same message again. */
import { checkAnswer, checkChunked, checkRequests, type Cuts, everyCut } from './checks.ts';
import { answerCorpus, chunkedCorpus, requestCorpus } from './corpus.ts';
import { FuzzedConnections } from './connections.ts';
import { Mutator, shrink } from './mutator.ts';

export interface FuzzCase {
  readonly example: string;
  /** '' = nothing. */
  readonly wrong: string;
}

export interface FuzzKind {
  run(seed: number, number: number): FuzzCase | Promise<FuzzCase>;
  /** The same, as short as it gets. */
  shrink(example: string, seed: number, number: number): FuzzCase | Promise<FuzzCase>;
}

/** Of so many cases one is cut at every byte boundary; the others at a few places. */
const everyCutOneIn = 64;

export const fuzzKinds: Readonly<Record<string, () => FuzzKind>> = {
  requests: () => pureKind(requestCorpus, (text, cuts) => checkRequests(text, cuts)),
  answers: () => pureKind(answerCorpus, (text, cuts, number) => checkAnswer(text, number % 4 === 0, cuts)),
  connections: () => connectionKind(requestCorpus),
  chunked: () => pureKind(chunkedCorpus, (text, cuts) => checkChunked(text, cuts)),
};

function pureKind(corpus: readonly string[], check: (text: string, cuts: Cuts, number: number) => string): FuzzKind {
  const safely = (text: string, cuts: Cuts, number: number): string => {
    try {
      return check(text, cuts, number);
    } catch (error) {
      return `thrown: ${String(error)}`;
    }
  };
  return {
    run(seed, number) {
      const mutator = mutatorOf(seed, number);
      const example = mutator.message(corpus);
      const cuts = number % everyCutOneIn === 0 ? everyCut(example) : [mutator.cuts(example.length)];
      return { example, wrong: safely(example, cuts, number) };
    },
    shrink(example, _seed, number) {
      const shorter = shrink(example, (text) => safely(text, everyCut(text), number) !== '');
      return { example: shorter, wrong: safely(shorter, everyCut(shorter), number) };
    },
  };
}

/** The same through a whole connection; only every 32nd case is cut everywhere, because that costs a connection for each cut. */
function connectionKind(corpus: readonly string[]): FuzzKind {
  const connections = new FuzzedConnections();
  return {
    async run(seed, number) {
      const mutator = mutatorOf(seed, number);
      const example = mutator.message(corpus);
      const cuts = number % 32 === 0 ? everyCut(example) : [mutator.cuts(example.length)];
      return { example, wrong: await connections.check(example, cuts) };
    },
    async shrink(example) {
      // Asks one after the other, and `shrink` asks at once: the example stays as long as it was.
      return { example, wrong: await connections.check(example, everyCut(example)) };
    },
  };
}

export function mutatorOf(seed: number, number: number): Mutator {
  const mutator = new Mutator(Math.imul(seed + 1, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca6b));
  // Neighbouring seeds begin alike.
  for (let round = 0; round < 4; round++) mutator.next(1);
  return mutator;
}
