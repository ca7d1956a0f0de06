/** What JSON.parse does not tell: where a text stops being JSON, and which key stands twice in one object. One pass, whatever the text. */

export type JsonFlaw =
  /** The first character that cannot stand where it stands; the length of the text where something is missing at its end. */
  | { readonly kind: 'syntax'; readonly offset: number }
  /** The last of two equal keys would win in silence. */
  | { readonly kind: 'duplicate'; readonly key: string; readonly offset: number };

/** Something that has begun and not ended: an object with the keys it has so far, or a list. */
type Open = { readonly keys: Set<string> } | { readonly keys: undefined };

/** What may come next. */
type State = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'commaOrEnd' | 'nothing';

/** The first flaw of a text, or undefined where it is JSON with distinct keys. Without recursion: brackets may be as many as characters. */
export function findFlaw(text: string): JsonFlaw | undefined {
  const open: Open[] = [];
  let state: State = 'value';
  let at = skipSpace(text, 0);
  for (; at < text.length; at = skipSpace(text, at)) {
    const character = text[at]!;
    const inside = open.at(-1);
    switch (state) {
      case 'value':
      case 'valueOrEnd': {
        if (character === ']' && state === 'valueOrEnd') {
          open.pop();
          state = after(open);
          at++;
        } else if (character === '{' || character === '[') {
          open.push({ keys: character === '{' ? new Set() : undefined });
          state = character === '{' ? 'keyOrEnd' : 'valueOrEnd';
          at++;
        } else {
          const scalar = readScalar(text, at);
          if (!scalar.ok) return { kind: 'syntax', offset: scalar.at };
          state = after(open);
          at = scalar.at;
        }
        break;
      }
      case 'key':
      case 'keyOrEnd': {
        if (character === '}' && state === 'keyOrEnd') {
          open.pop();
          state = after(open);
          at++;
          break;
        }
        if (character !== '"') return { kind: 'syntax', offset: at };
        const end = readString(text, at);
        if (!end.ok) return { kind: 'syntax', offset: end.at };
        const key = unquote(text.slice(at, end.at));
        if (inside?.keys?.has(key) === true) return { kind: 'duplicate', key, offset: at };
        inside?.keys?.add(key);
        state = 'colon';
        at = end.at;
        break;
      }
      case 'colon':
        if (character !== ':') return { kind: 'syntax', offset: at };
        state = 'value';
        at++;
        break;
      case 'commaOrEnd': {
        const isObject = inside?.keys !== undefined;
        if (character === ',') state = isObject ? 'key' : 'value';
        else if (character === (isObject ? '}' : ']')) {
          open.pop();
          state = after(open);
        } else return { kind: 'syntax', offset: at };
        at++;
        break;
      }
      default:
        return { kind: 'syntax', offset: at };
    }
  }
  return state === 'nothing' ? undefined : { kind: 'syntax', offset: text.length };
}

function after(open: readonly Open[]): State {
  return open.length === 0 ? 'nothing' : 'commaOrEnd';
}

/** The offset behind it where it is one, otherwise that of what is wrong in it. */
interface Token {
  readonly ok: boolean;
  readonly at: number;
}

const literals = ['true', 'false', 'null'];
const numberPrefix = /-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE](?:[+-]?[0-9]*)?)?)?|[eE](?:[+-]?[0-9]*)?)?)?/y;
const wholeNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

function readScalar(text: string, start: number): Token {
  const first = text[start]!;
  if (first === '"') return readString(text, start);
  const literal = literals.find((candidate) => candidate.startsWith(first));
  if (literal !== undefined) {
    let length = 1;
    while (length < literal.length && text[start + length] === literal[length]) length++;
    return { ok: length === literal.length, at: start + length };
  }
  numberPrefix.lastIndex = start;
  const number = numberPrefix.exec(text)?.[0] ?? '';
  return { ok: wholeNumber.test(number), at: start + number.length };
}

/** From its opening quote. */
function readString(text: string, start: number): Token {
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return { ok: true, at: at + 1 };
    if (code < 0x20) return { ok: false, at };
    if (code !== 0x5c) continue;
    at++;
    if (text[at] === 'u') {
      for (let digit = 0; digit < 4; digit++) {
        at++;
        if (!/^[0-9a-fA-F]$/.test(text[at] ?? '')) return { ok: false, at };
      }
    } else if (!'"\\/bfnrt'.includes(text[at] ?? 'none')) return { ok: false, at };
  }
  return { ok: false, at: text.length };
}

function unquote(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

function skipSpace(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
  }
  return at;
}
