/** A decoder of chunked bodies that is easy to believe: the whole text at once, by the grammar of RFC 9112 section 7.1. */

export interface NaiveBody {
  readonly data: string;
  readonly end: 'failed' | 'waiting' | 'done';
  readonly trailers?: readonly string[];
  readonly rest?: string;
}

const extension =
  '(?:;[!#$%&\'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&\'*+.^_`|~0-9A-Za-z-]+|"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"))?)*';
const sizeLine = new RegExp(`^([0-9a-fA-F]{1,13})(${extension})\r\n`);
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/;

/** Trailers that are refused, and those that are dropped: proxy/http1/fields.ts says why. */
const forbidden = new Set(['content-length', 'transfer-encoding', 'connection']);
// oxfmt-ignore
const dropped = new Set([
  'proxy-connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'host', 'expect', 'max-forwards', 'http2-settings',
  'authorization', 'proxy-authorization', 'www-authenticate', 'proxy-authenticate', 'cookie', 'set-cookie',
  'content-encoding', 'content-type', 'content-range', 'content-length', 'transfer-encoding', 'connection',
  'cache-control', 'pragma', 'expires', 'age', 'date', 'vary', 'location', 'retry-after', 'warning',
  'range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range',
  'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id', 'traceparent', 'tracestate',
]);

export function naiveBody(text: string, trailerBytesMax: number): NaiveBody {
  let data = '';
  for (let rest = text; ;) {
    const line = sizeLine.exec(rest);
    if (line === null) return { data, end: mayBecomeSizeLine(rest) ? 'waiting' : 'failed' };
    if (line[2]!.length > 256) return { data, end: 'failed' };
    const size = Number.parseInt(line[1]!, 16);
    rest = rest.slice(line[0].length);
    if (size === 0) return { data, ...naiveTrailers(rest, trailerBytesMax) };
    data += rest.slice(0, size);
    const after = rest.slice(size, size + 2);
    if (!'\r\n'.startsWith(after)) return { data, end: 'failed' };
    if (after.length < 2) return { data, end: 'waiting' };
    rest = rest.slice(size + 2);
  }
}

/** An extension is judged when its line is over. */
function mayBecomeSizeLine(rest: string): boolean {
  if (/^[0-9a-fA-F]{0,13}$/.test(rest) || /^[0-9a-fA-F]{1,13}\r$/.test(rest)) return true;
  const open = /^[0-9a-fA-F]{1,13}(;[^\r]*)$/.exec(rest);
  if (open !== null) return open[1]!.length <= 256;
  const ended = /^[0-9a-fA-F]{1,13}(;[^\r]*)\r$/.exec(rest);
  return ended !== null && ended[1]!.length <= 256 && new RegExp(`^${extension}$`).test(ended[1]!);
}

function naiveTrailers(rest: string, bytesMax: number): Omit<NaiveBody, 'data'> {
  const end = rest.startsWith('\r\n') ? 0 : rest.indexOf('\r\n\r\n') + 2;
  // CR and LF come in pairs.
  const section = end < 2 && !rest.startsWith('\r\n') ? rest : rest.slice(0, end);
  if (/(?:^|[^\r])\n|\r[^\n]/.test(section)) return { end: 'failed' };
  if (section === rest && end < 2 && end !== 0) return { end: rest.length >= bytesMax + 2 ? 'failed' : 'waiting' };
  const trailers: string[] = [];
  for (const line of rest.slice(0, end).split('\r\n').slice(0, -1)) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || forbidden.has(name.toLowerCase())) return { end: 'failed' };
    if (!isDroppedTrailer(name.toLowerCase().replaceAll('_', '-'), value!))
      trailers.push(`${name}: ${value!.replace(/^[ \t]+|[ \t]+$/g, '')}`);
  }
  return { end: 'done', trailers, rest: rest.slice(end + 2) };
}

/** Whether a trailer of this name, in lower case and with `-` for `_`, must not pass (RFC 9110 section 6.5.1). */
export function isDroppedTrailer(name: string, value: string): boolean {
  return dropped.has(name) || name.startsWith('x-sluice-') || speaksAsUs(name, value);
}

/** Whether a field passes for a Proxy-Status of ours (RFC 9209 section 2). */
export function speaksAsUs(name: string, value: string): boolean {
  return name === 'proxy-status' && value.split(',').some((member) => /^[ \t]*"?sluice/i.test(member));
}
