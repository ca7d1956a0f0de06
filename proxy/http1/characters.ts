/** Which bytes may stand where in an HTTP/1.1 head; one table look-up per byte (RFC 9110 section 5.5 and 5.6.2). */

function table(isMember: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isMember(code) ? 1 : 0));
}

const tokenPunctuation = "!#$%&'*+-.^_`|~";

/** `tchar`: field names, methods. */
const isTokenChar = table((code) => /[0-9A-Za-z]/.test(String.fromCharCode(code)) || tokenPunctuation.includes(String.fromCharCode(code)));

/** Field values and reason phrases: visible characters, space, tab and obs-text; no other control character. */
const isValueChar = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

/** Request targets: visible ASCII; `#` is missing because a fragment is never sent. */
const isTargetChar = table((code) => code > 0x20 && code < 0x7f && code !== 0x23);

/** The code of a letter in lower case; everything else as it is. */
export const lowerCase = Uint8Array.from({ length: 256 }, (_, code) => (code >= 0x41 && code <= 0x5a ? code | 32 : code));

/**
 * As {@link lowerCase}, and `_` read as `-`: so do CGI and its heirs (WSGI, PHP, Rack), in which `X_Forwarded_For` cannot be told from
 * `X-Forwarded-For`.
 */
export const foldedCase = lowerCase.map((code) => (code === 0x5f ? 0x2d : code));

/** The value of a hexadecimal digit, 255 for everything else. */
export const hexValue = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});

export const CR = 0x0d;
export const LF = 0x0a;
export const SPACE = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;
export const EQUALS = 0x3d;

// Where a run of such bytes that begins at `at` ends. Small functions, because their loops are what parsing costs most: in these the
// compiler keeps everything in registers (bench/parse.bench.ts).

export function tokenEnd(bytes: Uint8Array, at: number): number {
  while (isTokenChar[bytes[at]!] === 1) at++;
  return at;
}

export function valueEnd(bytes: Uint8Array, at: number): number {
  while (isValueChar[bytes[at]!] === 1) at++;
  return at;
}

export function targetEnd(bytes: Uint8Array, at: number): number {
  while (isTargetChar[bytes[at]!] === 1) at++;
  return at;
}
