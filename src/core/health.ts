/**
 * What probes say about one target: from (state, result, now) to the next state, what has changed, and when to probe again.
 *
 * The verdict turns after so many results in a row that contradict it. A target that answers "busy" keeps its verdict and is given less.
 * One that keeps turning has to prove itself for longer each time.
 */
import type { TargetCondition } from './conditions.ts';
import type { HealthCheck, OperatorState } from './model.ts';

export interface TargetHealth {
  readonly verdict: TargetCondition['health'];
  /** Whether the verdict rests on a result. Where it does not, the next pass or failure decides alone. */
  readonly proven: boolean;
  /** Results in a row that contradict the verdict. */
  readonly against: number;
  /** Above 0, at most 1: what "busy" has left of its weight. */
  readonly busyFactor: number;
  /** Above 0, at most 1: what the target itself wants of its weight. */
  readonly toldFactor: number;
  readonly told: OperatorState;
  /** When it last turned from healthy to unhealthy, oldest first; no more than count. */
  readonly turnsMs: readonly number[];
  /** Which words that nobody understands have been noted, each as {@link kindOf} has it; no more than {@link nonsenseKept}. */
  readonly nonsense: readonly string[];
}

/** A pass, a failure, or an answer that is neither: the target lives, and asks for less. */
export interface ProbeResult {
  readonly kind: 'pass' | 'fail' | 'busy';
  /** A few words: `connection refused`, `status 503, expected 200-299`. */
  readonly detail: string;
  /** The field {@link agentField} of the answer, '' where it has none. */
  readonly words: string;
}

/** The field of an answer to a probe by which a target tells its own weight and state. */
export const agentField = 'x-sluice-weight';

export interface HealthChange {
  readonly kind: 'health' | 'busy' | 'told';
  readonly from: string;
  readonly to: string;
  readonly cause: string;
}

export interface Judgement {
  readonly next: TargetHealth;
  readonly changes: readonly HealthChange[];
}

/** "Busy" never takes more than nine tenths: a target that gets nothing could not show that it has recovered. */
export const busyFactorMin = 0.1;

/** Turns that are longer ago are forgiven. */
export const flapWindowMs = 600_000;

/** However often a target turned, no more than so many times `rise` passes are asked of it. */
const flapFactorMax = 8;
const turnsKept = Math.log2(flapFactorMax) + 1;

/** So many kinds of nonsense are noted of one target; one that sends something else each time has been noticed by then. */
const nonsenseKept = 8;

/** Where nothing is known yet, or where only somebody's word is: the first result decides. */
export function unproven({ health, factor, told }: TargetCondition, agent: boolean): TargetHealth {
  // Which of the two had reduced it is not told. Without words from the target it was "busy", and with them most likely the words.
  const factors = agent ? { busyFactor: 1, toldFactor: factor } : { busyFactor: factor, toldFactor: 1 };
  return { verdict: health, proven: false, against: 0, ...factors, told, turnsMs: [], nonsense: [] };
}

/** What the data plane goes by. */
export function conditionOf({ verdict, busyFactor, toldFactor, told }: TargetHealth): TargetCondition {
  return { health: verdict, factor: busyFactor * toldFactor, told };
}

/** @param nowMs of any clock that never runs backwards */
export function judge(health: TargetHealth, result: ProbeResult, check: HealthCheck, nowMs: number): Judgement {
  const changes: HealthChange[] = [];
  const heard = listen(health, result, check, changes);
  switch (result.kind) {
    case 'busy':
      return { next: ease(heard, Math.max(busyFactorMin, heard.busyFactor / 2), result, changes), changes };
    case 'pass':
      return { next: vote(ease(heard, Math.min(1, heard.busyFactor * 2), result, changes), result, check, nowMs, changes), changes };
    case 'fail':
      return { next: vote(heard, result, check, nowMs, changes), changes };
  }
}

/** How many passes in a row make an unhealthy target healthy: `rise`, and twice as many for each turn before its last one lately. */
export function passesNeeded({ proven, turnsMs }: TargetHealth, { rise }: HealthCheck, nowMs: number): number {
  if (!proven) return 1;
  const turns = turnsMs.filter((atMs) => nowMs - atMs < flapWindowMs).length;
  return rise * Math.min(flapFactorMax, 2 ** Math.max(0, turns - 1));
}

/**
 * How long from one probe to the next: the interval, or a quarter of it (at least 100 ms) while results contradict the verdict, give or
 * take a tenth, so that probes of many targets, and of several of us, do not fall into step.
 * @param random in [0, 1)
 */
export function probeGapMs({ against }: TargetHealth, { intervalMs }: HealthCheck, random: number): number {
  const gapMs = against === 0 ? intervalMs : Math.min(intervalMs, Math.max(100, intervalMs / 4));
  return gapMs * (0.9 + 0.2 * random);
}

/** Counts a pass or a failure, and turns the verdict where there are enough of them. */
function vote(
  health: TargetHealth,
  { kind, detail }: ProbeResult,
  check: HealthCheck,
  nowMs: number,
  changes: HealthChange[],
): TargetHealth {
  const says = kind === 'pass' ? 'healthy' : 'unhealthy';
  if (says === health.verdict) return health.proven && health.against === 0 ? health : { ...health, proven: true, against: 0 };

  const against = health.against + 1;
  const needed = says === 'healthy' ? passesNeeded(health, check, nowMs) : health.proven ? check.fall : 1;
  if (against < needed) return { ...health, against };

  const count = against === 1 ? '1 probe' : `${against} probes`;
  changes.push({
    kind: 'health',
    from: health.verdict,
    to: says,
    cause: kind === 'pass' ? `${count} passed` : `${count} failed: ${detail}`,
  });
  const turnsMs = health.verdict === 'healthy' ? [...health.turnsMs, nowMs].slice(-turnsKept) : health.turnsMs;
  return { ...health, verdict: says, proven: true, against: 0, turnsMs };
}

/** Only the beginning and the end of being busy are noted, not the steps between. */
function ease(health: TargetHealth, busyFactor: number, { detail }: ProbeResult, changes: HealthChange[]): TargetHealth {
  if (busyFactor === health.busyFactor) return health;
  if (health.busyFactor === 1) changes.push({ kind: 'busy', from: 'free', to: 'busy', cause: detail });
  if (busyFactor === 1) changes.push({ kind: 'busy', from: 'busy', to: 'free', cause: 'it answers probes again' });
  return { ...health, busyFactor };
}

/**
 * Takes in what the target says of itself. An answer without words means: all of the weight, and ready. A failure means nothing: whoever
 * cannot answer cannot take back what it said. Nor does a word that cannot be read: beside it, what is not said stays as it was, because a
 * slip in how a target spells its drain must not bring it back.
 */
function listen(health: TargetHealth, result: ProbeResult, { agent }: HealthCheck, changes: HealthChange[]): TargetHealth {
  if (agent && result.kind === 'fail') return health;
  const { malformed, ...words } = parseWords(agent ? result.words : '');
  const silence = malformed === '' ? wholeAndReady : { told: health.told, factor: health.toldFactor };
  const told = words.told ?? silence.told;
  const factor = words.factor ?? silence.factor;
  const before = describeTold(health.told, health.toldFactor);
  const after = describeTold(told, factor);
  // A target that tells its load as a percentage changes it with every probe: only leaving 100% and coming back is an event.
  if (told !== health.told || (factor === 1) !== (health.toldFactor === 1)) {
    changes.push({ kind: 'told', from: before, to: after, cause: agent ? `${agentField}: ${printable(result.words)}` : 'no longer asked' });
  }
  const nonsense = noteNonsense(health.nonsense, malformed);
  if (nonsense !== health.nonsense) {
    const cause = `${agentField}: "${printable(malformed)}" means nothing, so "${after}" stands`;
    changes.push({ kind: 'told', from: after, to: 'not understood', cause });
  }
  if (told === health.told && factor === health.toldFactor && nonsense === health.nonsense) return health;
  return { ...health, told, toldFactor: factor, nonsense };
}

const wholeAndReady = { told: 'ready', factor: 1 } as const;

/** With this one, where it is new. */
function noteNonsense(noted: readonly string[], malformed: string): readonly string[] {
  const kind = kindOf(malformed);
  return kind === '' || noted.includes(kind) || noted.length === nonsenseKept ? noted : [...noted, kind];
}

/** A word without its numbers: a target that sends `load=0.53`, and then `load=0.54`, makes one mistake. */
function kindOf(word: string): string {
  return printable(word.replaceAll(/\d+/g, '0'));
}

/** What a target has said; undefined where it has said nothing of that kind. */
interface Words {
  readonly factor: number | undefined;
  readonly told: OperatorState | undefined;
  /** The first word that could not be understood, or ''. */
  readonly malformed: string;
}

/**
 * Reads words separated by spaces or commas: `ready`, `drain`, `maint`, or a percentage from `0%` to `100%`. Of several of a kind, the
 * last one counts. `0%` is another way to say `drain`: nobody new. What is none of these is passed over.
 */
export function parseWords(text: string): Words {
  let percent: number | undefined;
  let told: OperatorState | undefined;
  let malformed = '';
  for (const word of text.toLowerCase().split(/[\s,]+/)) {
    if (word === '') continue;
    const number = Number(/^(\d{1,3})%$/.exec(word)?.[1]);
    if (word === 'ready' || word === 'drain' || word === 'maint') told = word;
    else if (number <= 100) percent = number;
    else if (malformed === '') malformed = word;
  }
  if (percent === 0) return { factor: 1, told: told === 'maint' ? 'maint' : 'drain', malformed };
  return { factor: percent === undefined ? undefined : percent / 100, told, malformed };
}

function describeTold(told: OperatorState, factor: number): string {
  return factor === 1 ? told : `${told} ${Math.round(factor * 100)}%`;
}

/** What came from a target goes into logs and on screens: short, and in plain characters. */
export function printable(text: string): string {
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return plain.length <= 60 ? plain : `${plain.slice(0, 60)}…`;
}
