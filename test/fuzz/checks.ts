/** What must hold for whatever arrives. Each check answers '' or what is wrong, so that a long run can go on and shrink what it found. */
import { ChunkedDecoder } from '../../proxy/http1/chunked.ts';
import { difference, type Side, whyRejected } from '../proxy/http1/comparison.ts';
import { nodeReadsAnswer, nodeReadsRequests, type NodeReading } from '../proxy/http1/node-parser.ts';
import { bytes, cutAt, fieldList, limits, readAnswer, readRequests, type Reading } from '../proxy/http1/reading.ts';
import { naiveBody } from './naive-body.ts';

/** Where a message is cut for the comparison with the whole one. */
export type Cuts = readonly (readonly number[])[];

/** At every byte boundary, one at a time; and at all of them. */
export function everyCut(text: string): Cuts {
  const places = Array.from({ length: text.length }, (_, place) => place);
  return [...places.map((place) => [place]), places];
}

/** What we pass on of requests is a prefix of what Node reads, whatever the cuts. */
export function checkRequests(text: string, cuts: Cuts): string {
  const ours = readRequests([bytes(text)]);
  return compare(text, ours, nodeReadsRequests(bytes(text)), 'request') || sameForCuts(ours, cuts, (at) => readRequests(cutAt(text, at)));
}

/** The same for an answer. */
export function checkAnswer(text: string, toHead: boolean, cuts: Cuts): string {
  const ours = readAnswer([bytes(text)], toHead);
  const node = nodeReadsAnswer(bytes(text), toHead);
  const side = toHead ? 'answerToHead' : 'answer';
  return compare(text, ours, node, side) || sameForCuts(ours, cuts, (at) => readAnswer(cutAt(text, at), toHead));
}

const chunkedHead = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The same for a body in the chunked coding, which a naive decoder that looks at it as a whole must read alike. */
export function checkChunked(text: string, cuts: Cuts): string {
  const ours = decode([bytes(text)]);
  const naive = JSON.stringify(naiveBody(text, limits.headBytes));
  if (ours !== naive) return `decoded ${ours}, naive: ${naive}`;
  return checkRequests(chunkedHead + text, []) || sameForCuts(ours, cuts, (at) => decode(cutAt(text, at)));
}

function decode(pieces: readonly Buffer[]): string {
  const decoder = new ChunkedDecoder();
  decoder.begin(limits.headBytes, limits.fields);
  let data = '';
  let rest = '';
  for (const piece of pieces) {
    rest += piece.toString('latin1', decoder.decode(piece, 0, { onBodySlice: (slice) => void (data += slice.toString('latin1')) }));
    piece.fill(0x5a);
  }
  if (decoder.failed) return JSON.stringify({ data, end: 'failed' });
  if (!decoder.done) return JSON.stringify({ data, end: 'waiting' });
  return JSON.stringify({ data, end: 'done', trailers: fieldList(decoder.trailers), rest });
}

function compare(text: string, ours: Reading, node: NodeReading, side: Side): string {
  const found = difference(ours, node, side);
  if (found !== '') return found;
  const isStricter = ours.end.startsWith('rejected') && !node.end.startsWith('rejected');
  return isStricter && whyRejected(text, ours, node, side) === '' ? `we say ${ours.end}, Node accepts it, and no reason is listed` : '';
}

function sameForCuts<T>(whole: T, cuts: Cuts, read: (at: readonly number[]) => T): string {
  if (cuts.length === 0) return '';
  const expected = JSON.stringify(whole);
  for (const at of cuts) {
    const cut = JSON.stringify(read(at));
    if (cut !== expected) return `cut at ${at.join(', ')} it is ${cut}, whole ${expected}`;
  }
  return '';
}
