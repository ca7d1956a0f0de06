import type { Json } from '../src/core/json.ts';

/** The outcome of reading one value: what it means, or a sentence on what was expected, what was found and what to type instead. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };
export type Reader<T> = (value: Json) => Reading<T>;

export function read<T>(value: T): Reading<T> {
  return { ok: true, value };
}

/** `hint` continues the sentence: what to type instead. */
export function unreadable(expected: string, value: Json, hint = ''): Reading<never> {
  return { ok: false, message: `expected ${expected}, found ${show(value)}${hint === '' ? '' : `; ${hint}`}` };
}

/** A value as it appears in a message: short, on one line, and safe to print on a terminal. */
export function show(value: Json): string {
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'string') return quote(value);
  return String(value);
}

/** Quotes text from a document: at most 60 characters, what a terminal might act on escaped. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text));
}

/** Text with its control characters escaped, also those that reverse the direction of what follows. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
