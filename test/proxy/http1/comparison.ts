import { isDroppedTrailer, speaksAsUs } from '../../fuzz/naive-body.ts';
import type { NodeMessage, NodeReading } from './node-parser.ts';
import type { ReadMessage, Reading } from './reading.ts';

export type Side = 'request' | 'answer' | 'answerToHead';

/** How `ours` is not a prefix of `node`; '' = it is. */
export function difference(ours: Reading, node: NodeReading, side: Side): string {
  for (const [index, message] of ours.messages.entries()) {
    const theirs = node.messages[index];
    if (theirs === undefined) return nodeHasLeft(node) ? '' : `message ${index}: Node says ${node.end}`;
    const found = messageDifference(message, theirs, side);
    if (found !== '') return `message ${index}: ${found}`;
  }
  return '';
}

function messageDifference(ours: ReadMessage, node: NodeMessage, side: Side): string {
  const start = side === 'request' ? requestStart(node) : node.start;
  if (ours.start !== start) return `starts ${quote(ours.start)}, Node: ${quote(start)}`;
  const fields = endToEnd(node, side);
  if (ours.fields.join('\n') !== fields.join('\n')) return `fields ${quote(ours.fields)}, Node: ${quote(fields)}`;
  if (!node.body.startsWith(ours.body)) return `body begins ${quote(ours.body)}, Node: ${quote(node.body)}`;
  if (ours.complete) {
    if (!node.complete) return 'complete, but not in Node';
    if (ours.body !== node.body) return `body ${quote(ours.body)}, Node: ${quote(node.body)}`;
    const trailers = node.trailers.filter((line) => !isDropped(...namedValue(line), 'trailers'));
    if (ours.trailers.join('\n') !== trailers.join('\n')) return `trailers ${quote(ours.trailers)}, Node: ${quote(trailers)}`;
  }
  return persistenceDifference(ours, node, side);
}

function persistenceDifference(ours: ReadMessage, node: NodeMessage, side: Side): string {
  if (ours.persistent === node.persistent || hasProxyConnection(node)) return '';
  // Node says so before it has taken into account that there is no body.
  if (side === 'answerToHead') return '';
  if (ours.persistent) return 'persistent, but not in Node';
  // Of two options that contradict each other, closing is the safer: Node heeds `keep-alive` first in HTTP/1.0.
  return optionsOf(node).includes('close') ? '' : 'not persistent, but in Node';
}

/**
 * Node takes Proxy-Connection for Connection. It is no field of HTTP: a proxy in front of us forwards it by mistake, and then it says
 * nothing of our connection (RFC 9112 appendix C.2.2). So after one that says `close` or `upgrade` the two go separate ways.
 */
function nodeHasLeft(node: NodeReading): boolean {
  const last = node.messages.at(-1);
  return node.end === 'upgraded' || (node.end === 'rejected: HPE_CLOSED_CONNECTION' && last !== undefined && hasProxyConnection(last));
}

function hasProxyConnection(node: NodeMessage): boolean {
  return valuesOf(node, 'proxy-connection').length > 0 || node.trailers.some((line) => /^proxy-connection:/i.test(line));
}

/** What the fields of a message should be after the proxy's own were taken out: design, section 5.7. Not taken from the code under test. */
function endToEnd(node: NodeMessage, side: Side): string[] {
  const removed = new Set(optionsOf(node).filter((option) => !notRemovable.has(option)));
  if (/^(1..|204) /.test(node.start)) removed.add('content-length');
  // Nobody waits for leave who cannot be given it.
  if (side === 'request' && node.minor === 0) removed.add('expect');
  return node.rawFields
    .filter(([name, value]) => !removed.has(name.toLowerCase()) && !isDropped(name.toLowerCase(), value, side))
    .map(([name, value]) => `${name}: ${value}`);
}

/** CGI reads `_` as `-`: what some targets would take for a field that we drop, or for one about framing, is dropped too. */
function isDropped(name: string, value: string, side: Side | 'trailers'): boolean {
  const folded = name.replaceAll('_', '-');
  if (side === 'trailers') return isDroppedTrailer(folded, value);
  if (side !== 'request' && (name === 'proxy_status' || speaksAsUs(name, value))) return true;
  return (side === 'request' ? droppedInRequests : hopByHop).test(folded) || /^(content_length|x[-_]sluice[-_].*)$/.test(name);
}

function namedValue(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1)];
}

const hopByHop = /^(connection|proxy-connection|keep-alive|transfer-encoding|upgrade|te)$/;
const droppedInRequests =
  /^(connection|proxy-connection|keep-alive|transfer-encoding|upgrade|te|host|http2-settings|forwarded|x-forwarded-(for|host|proto))$/;
const notRemovable = new Set(['host', 'content-length', 'transfer-encoding', 'cache-control', 'authorization', 'cookie', 'date', 'expect']);

function optionsOf(node: NodeMessage): string[] {
  return valuesOf(node, 'connection').flatMap((value) =>
    value.split(',').map((option) => option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase()),
  );
}

function valuesOf(node: NodeMessage, name: string): string[] {
  return node.rawFields.filter(([fieldName]) => fieldName.toLowerCase() === name).map(([, value]) => value);
}

function requestStart(node: NodeMessage): string {
  const [method, target = ''] = splitOnce(node.start, ' ');
  const host = valuesOf(node, 'host')[0] ?? '';
  const absolute = absoluteForm.exec(target);
  if (absolute === null) return `${method} ${host} ${target}`;
  const rest = absolute[2]!;
  return `${method} ${absolute[1]} ${rest.startsWith('/') ? rest : rest === '' && method === 'OPTIONS' ? '*' : `/${rest}`}`;
}

const absoluteForm = /^https?:\/\/([^/?]*)(.*)$/i;

interface Stricter {
  readonly why: string;
  readonly applies: (message: NodeMessage, text: string) => boolean;
}

/** Why we reject a request that Node accepts: the closed list of reasons, each from RFC 9110 or 9112 or a limit of ours. */
const stricterRequests: readonly Stricter[] = [
  { why: '2.3 only versions 1.0 and 1.1', applies: ({ start }) => / HTTP\/\d\.\d$/.test(start) },
  { why: '2.3 the protocol is HTTP', applies: (_, head) => / (RTSP|ICE)\/1\.0\r/.test(head) },
  { why: '3 one space before the version', applies: (_, head) => /^\S+ {2,}| {2,}HTTP.*\r\n/.test(head) },
  { why: '3.1 CONNECT and TRACE are not passed on', applies: ({ start }) => /^(CONNECT|TRACE) /.test(start) },
  { why: '3.2 HTTP/1.1 needs a Host', applies: (message) => message.minor === 1 && valuesOf(message, 'host').length === 0 },
  { why: '3.2 one Host at most', applies: (message) => valuesOf(message, 'host').length > 1 },
  { why: '3.2 a Host is host and port', applies: (message) => valuesOf(message, 'host').some((value) => !isHostAndPort(value)) },
  { why: '3.2 forms of targets', applies: (message) => !isTarget(message) },
  {
    why: '6.1 no coding but chunked',
    applies: (message) => valuesOf(message, 'transfer-encoding').some((value) => !/^chunked$/i.test(value)),
  },
  { why: '6.1 a tab around the coding', applies: (_, head) => /^transfer-encoding:.*\t/im.test(head) },
  { why: '6.1 no coding in HTTP/1.0', applies: (message) => message.minor === 0 && valuesOf(message, 'transfer-encoding').length > 0 },
  { why: '6.1 one Transfer-Encoding', applies: (message) => valuesOf(message, 'transfer-encoding').length > 1 },
  {
    why: '6.2 lengths up to 15 digits',
    applies: (message) => valuesOf(message, 'content-length').some((value) => !/^\d{1,15}$/.test(value)),
  },
  {
    why: '9110 10.1.1 only 100-continue',
    applies: (message) => valuesOf(message, 'expect').join(', ').toLowerCase() !== '100-continue' && valuesOf(message, 'expect').length > 0,
  },
];

/** Why we reject the chunks of a body that Node accepts. */
const stricterChunks: readonly Stricter[] = [
  { why: '7.1 sizes up to 13 digits', applies: (_, text) => /^[0-9a-f]{14}/im.test(text) },
  { why: '7.1.1 syntax of extensions', applies: (_, text) => chunkLines(text).some((line) => !isExtended.test(line)) },
  {
    why: '7.1.2 no framing in trailers',
    applies: ({ trailers }) => trailers.some((line) => /^(connection|transfer-encoding):/i.test(line)),
  },
];

function chunkLines(text: string): string[] {
  return text.split(/[\r\n]/).filter((line) => /^[0-9a-f]+;/i.test(line));
}

const isExtended = /^[0-9a-f]+(;[\w!#$%&'*+.^`|~-]+(=([\w!#$%&'*+.^`|~-]+|"([\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/i;

const stricterAnswers: readonly Stricter[] = [
  { why: '4 versions 1.0 and 1.1', applies: ({ start }) => / HTTP\/\d\.\d$/.test(start) },
  {
    why: '9110 15.2 interim answers are not the last',
    applies: (message) => message.start.startsWith('1') && (message.minor === 0 || optionsOf(message).includes('close')),
  },
  { why: '4 a reason has no control characters', applies: ({ start }) => !/^[\t -~\x80-\xff]*$/.test(start) },
  { why: '4 the protocol is HTTP', applies: (_, head) => !head.startsWith('HTTP/') },
  { why: '6.1 a tab around the coding', applies: (_, head) => /^transfer-encoding:.*\t/im.test(head) },
  { why: '4 status from 100', applies: ({ start }) => /^\d{1,2} /.test(start) },
  {
    why: '6.1 no coding but chunked',
    applies: (message) => valuesOf(message, 'transfer-encoding').some((value) => !/^chunked$/i.test(value)),
  },
  { why: '6.1 no coding in HTTP/1.0', applies: (message) => message.minor === 0 && valuesOf(message, 'transfer-encoding').length > 0 },
  { why: '6.1 one Transfer-Encoding', applies: (message) => valuesOf(message, 'transfer-encoding').length > 1 },
  {
    why: '6.2 lengths up to 15 digits',
    applies: (message) => valuesOf(message, 'content-length').some((value) => !/^\d{1,15}$/.test(value)),
  },
];

/** Why `ours` is rejected where `node` is not; '' = for no reason that is listed. */
export function whyRejected(input: string, ours: Reading, node: NodeReading, side: Side): string {
  if (nodeHasLeft(node)) return 'Node has left';
  // Node skips any number of CR and LF before a message; we skip two empty lines.
  if (ours.rejectedHead !== undefined && /^[\r\n]/.test(ours.rejectedHead)) return '2.2 empty lines';
  const message = node.messages[ours.rejectedHead === undefined ? ours.messages.length - 1 : ours.messages.length];
  if (message === undefined) return ours.rejectedHead?.startsWith('PRI ') === true ? "9113 3.4 PRI is HTTP/2's" : '';
  if (message.upgrade) return 'Node reports no errors in the body of an upgrade';
  const reasons = ours.rejectedHead === undefined ? stricterChunks : side === 'request' ? stricterRequests : stricterAnswers;
  return reasons.find(({ applies }) => applies(message, ours.rejectedHead ?? input))?.why ?? '';
}

function isHostAndPort(value: string): boolean {
  return /^(\[[0-9a-f:.]+\]|([a-z0-9\-._~!$&'()*+,;=]|%[0-9a-f]{2})+)(:\d{0,5})?$/i.test(value);
}

function isTarget({ start }: NodeMessage): boolean {
  const [method, target = ''] = splitOnce(start, ' ');
  if (!/^[\x21\x22\x24-\x7e]+$/.test(target)) return false;
  if (target.startsWith('/')) return true;
  if (target === '*') return method === 'OPTIONS';
  const absolute = absoluteForm.exec(target);
  return absolute !== null && isHostAndPort(absolute[1]!);
}

function splitOnce(text: string, by: string): [string, string?] {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + by.length)];
}

function quote(value: unknown): string {
  return JSON.stringify(value);
}
