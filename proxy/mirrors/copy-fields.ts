import { authorityOf } from '../http1/authority.ts';
import type { Copy } from './copy.ts';

/** Marks a copy, so that whoever gets it can tell, and so that it is not copied again. */
export const mirrorField = 'x-sluice-mirror';

/** The fields of a copy as undici wants them: name, value, name, value … */
export function copyFields({ destination, authority, fields }: Copy): string[] {
  const list = ['host', authority === '' ? authorityOf(destination.address) : authority, mirrorField, '1'];
  for (let start = 0; start < fields.length;) {
    const end = fields.indexOf('\r\n', start);
    const colon = fields.indexOf(':', start);
    const name = fields.slice(start, colon);
    // Undici refuses it, and nobody would wait for the 100.
    if (name.toLowerCase() !== 'expect') list.push(name, fields.slice(valueStart(fields, colon + 1), end));
    start = end + 2;
  }
  return list;
}

/** A space after the colon is not part of the value; one at its end does no harm. */
function valueStart(fields: string, from: number): number {
  let start = from;
  while (fields[start] === ' ' || fields[start] === '\t') start++;
  return start;
}
