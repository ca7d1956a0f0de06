/**
 * A telling as a text, written by the worker and read by who wants to know: the supervisor passes it on, and keeps it, without looking inside. Lists
 * in place of objects, since the names of fields would be most of it; JSON, since nothing else is written and read as fast.
 */
import type { MirrorReport, PoolReport, ServiceReport, TargetReport, WorkerReport } from '../core/reports.ts';
import { heard, type Telling } from '../core/tellings.ts';

/** A telling as it travels. */
export interface ToldText {
  readonly isWhole: boolean;
  readonly text: string;
}

type Counts = Readonly<Record<string, number>>;
type TargetText = readonly [
  id: string,
  inFlight: number,
  streaming: number,
  upgraded: number,
  available: 0 | 1,
  ejected: 0 | 1,
  ejections: number,
  codes: Counts,
];
type PoolText = readonly [
  id: string,
  picked: number,
  queued: number,
  sumMs: number,
  durations: readonly number[],
  /** Base64; 0 = clients are not told apart. */
  clients: string | 0,
  targets: readonly TargetText[],
];
type ServiceText = readonly [
  id: string,
  retries: number,
  retriesRefused: number,
  rescued: number,
  decisions: Counts,
  mirrors: readonly MirrorReport[],
  pools: readonly PoolText[],
];

export function writeTelling({ isWhole, report }: Telling): ToldText {
  return { isWhole, text: JSON.stringify({ ...report, services: report.services.map(writeService) }) };
}

export function readTelling({ isWhole, text }: ToldText): Telling {
  const { services, ...rest } = JSON.parse(text) as Omit<WorkerReport, 'services'> & { readonly services: readonly ServiceText[] };
  return { isWhole, report: { ...rest, services: services.map(readService) } };
}

/**
 * Writes what a worker tells, one telling after the other. It asks for everything when the changes so far are as long as everything was: whoever keeps
 * what was told keeps three times that at most.
 */
export class TellingWriter {
  /** How long the last telling was that was whole, and how long those are together that have built on it; in characters. */
  #wholeLength = 0;
  #changesLength = 0;

  write(tell: (wantsWhole: boolean) => Telling): ToldText {
    const told = writeTelling(tell(this.#changesLength >= this.#wholeLength));
    if (told.isWhole) this.#wholeLength = told.text.length;
    this.#changesLength = told.isWhole ? 0 : this.#changesLength + told.text.length;
    return told;
  }
}

/** What is known after these, oldest first; undefined where nothing was told. */
export function readTellings(texts: Iterable<ToldText>): WorkerReport | undefined {
  let known: WorkerReport | undefined;
  for (const text of texts) known = heard(known, readTelling(text));
  return known;
}

function writeService({ id, retries, retriesRefused, rescued, decisions, mirrors, pools }: ServiceReport): ServiceText {
  return [id, retries, retriesRefused, rescued, decisions, mirrors, pools.map(writePool)];
}

function readService([id, retries, retriesRefused, rescued, decisions, mirrors, pools]: ServiceText): ServiceReport {
  return { id, retries, retriesRefused, rescued, decisions, mirrors, pools: pools.map(readPool) };
}

function writePool({ id, picked, queued, durations: { sumMs, counts }, clients, targets }: PoolReport): PoolText {
  return [id, picked, queued, sumMs, counts, clients === undefined ? 0 : Buffer.from(clients).toString('base64'), targets.map(writeTarget)];
}

function readPool([id, picked, queued, sumMs, counts, clients, targets]: PoolText): PoolReport {
  return {
    id,
    picked,
    queued,
    durations: { counts, sumMs },
    clients: clients === 0 ? undefined : Uint8Array.from(Buffer.from(clients, 'base64')),
    targets: targets.map(readTarget),
  };
}

function writeTarget({ id, inFlight, streaming, upgraded, available, ejected, ejections, codes }: TargetReport): TargetText {
  return [id, inFlight, streaming, upgraded, available ? 1 : 0, ejected ? 1 : 0, ejections, codes];
}

function readTarget([id, inFlight, streaming, upgraded, available, ejected, ejections, codes]: TargetText): TargetReport {
  return { id, inFlight, streaming, upgraded, available: available === 1, ejected: ejected === 1, ejections, codes };
}
