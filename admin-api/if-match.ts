import { Refusal } from './problems.ts';

/** An entity tag as RFC 9110 section 8.8.3 writes it. */
const entityTag = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/;

/** The entity tag of a revision. */
export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * The revisions that an If-Match field allows; undefined = any. A weak tag never matches (RFC 9110 section 13.1.1), nor does a tag that
 * is no revision, so a list may come out empty: then nothing matches.
 */
export function readIfMatch(field: string | undefined): readonly number[] | undefined {
  if (field === undefined || field.trim() === '*') return undefined;
  const revisions: number[] = [];
  let rest = field.trim();
  do {
    const match = entityTag.exec(rest);
    if (match === null) throw malformed(field);
    const [whole, weak, opaque] = match;
    if (weak === undefined && /^[1-9][0-9]{0,15}$/.test(opaque!)) revisions.push(Number(opaque));
    rest = rest.slice(whole.length).trimStart();
    if (rest !== '' && !rest.startsWith(',')) throw malformed(field);
    rest = rest.replace(/^[\s,]+/, '');
  } while (rest !== '');
  return revisions;
}

function malformed(field: string): Refusal {
  return new Refusal(
    'MALFORMED',
    `If-Match: expected an entity tag such as "42" with its quotes, a list of them, or *, found ${field || 'nothing'}.`,
  );
}
