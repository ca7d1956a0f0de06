/** What was found in the files that a model names, and what to say of it. */
import type { Problem } from './errors.ts';
import { identityOf, type NamedFiles } from './named-files.ts';
import type { FileTexts } from './snapshot.ts';

export interface FileReading {
  readonly named: NamedFiles;
  /** Of all of its files, in their order, and nothing of them but what is used; undefined where there is a problem. */
  readonly texts: readonly string[] | undefined;
  /** Why they cannot be used. Time is judged apart: see {@link untimely}. */
  readonly problems: readonly Problem[];
  /** What is probably not meant, and can be used. Sentences. */
  readonly warnings: readonly string[];
  /** Of the certificate, where there is one and it can be read. */
  readonly facts: CertificateFacts | undefined;
}

export interface CertificateFacts {
  /** DNS names that it is for, in lower case, perhaps with `*` as their first label. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly validFromMs: number;
  readonly validToMs: number;
  /** The same as days in UTC: `2026-11-21`. */
  readonly firstDay: string;
  readonly lastDay: string;
}

/** From so long before the end of a certificate on there are warnings: tools that renew do it 30 days before, so by then something is wrong. */
export const soonMs = 14 * 86_400_000;

/** Whether a certificate is over or has not begun. */
export function untimely({ named, facts }: FileReading, nowMs: number): Problem | undefined {
  if (named.kind !== 'certificate' || facts === undefined) return undefined;
  const { validFromMs, validToMs, firstDay, lastDay } = facts;
  const { certFile, certPointer: pointer } = named;
  if (nowMs >= validToMs) {
    return { pointer, message: `the certificate in ${quote(certFile)} expired on ${lastDay}; renew it, or name one that is valid` };
  }
  if (nowMs < validFromMs) {
    const wayOut = 'check the clock of this machine, or name one that is valid';
    return { pointer, message: `the certificate in ${quote(certFile)} is not valid before ${firstDay}; ${wayOut}` };
  }
  return undefined;
}

/** A sentence on a certificate that will be over soon. */
export function expiresSoon({ named, facts }: FileReading, nowMs: number): string | undefined {
  if (named.kind !== 'certificate' || facts === undefined) return undefined;
  const left = facts.validToMs - nowMs;
  if (left <= 0 || left > soonMs) return undefined;
  return `The certificate in ${quote(named.certFile)} expires on ${facts.lastDay}; whatever renews it should have done so by now.`;
}

/** A name that several certificates of a listener are for: only the first of them is shown for it. Sentences. */
export function sharedNames(readings: readonly FileReading[]): string[] {
  const warnings: string[] = [];
  const firstWith = new Map<string, string>();
  for (const { named, facts } of readings) {
    if (named.kind !== 'certificate') continue;
    for (const name of facts?.names ?? []) {
      const place = `${named.owner} ${name}`;
      const earlier = firstWith.get(place);
      if (earlier === undefined) firstWith.set(place, named.certFile);
      else {
        const [first, second] = [quote(earlier), quote(named.certFile)];
        warnings.push(`The certificates in ${first} and in ${second} are both for ${quote(name)}; the first is shown to who asks for it.`);
        break;
      }
    }
  }
  return warnings;
}

/** The texts of all readings that are usable. */
export function textsOf(readings: Iterable<FileReading>): FileTexts {
  return new Map([...readings].flatMap(({ named, texts }) => (texts === undefined ? [] : [[identityOf(named), texts]])));
}

export function sameTexts({ texts: a }: FileReading, { texts: b }: FileReading): boolean {
  return a === undefined || b === undefined ? a === b : a.every((text, index) => text === b[index]);
}

function quote(path: string): string {
  return JSON.stringify(path);
}
