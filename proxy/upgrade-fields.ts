/** The fields of answers to an upgrade, as node:http has read them: what of them passes through, and what we add. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { speaksAsUs } from './http1/fields.ts';

const ownPrefix = 'x-sluice-';
/** Hop-by-hop fields (RFC 9110 section 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];
/** A 101 has neither content nor trailers (RFC 9110 sections 8.6 and 15.2): whoever believed these would wait for what never comes. */
const contents = ['content-length', 'trailer'];
/** Without these the answer would mean something else, whatever Connection lists. */
const notRemovable = new Set(['content-length', 'date']);

/** A refusal's field lines as we pass them on: without hop-by-hop fields, and without those that are ours to set. */
export function passingFields({ rawHeaders, headers }: IncomingMessage): string {
  const dropped = endingHere(headers);
  let lines = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!dropped.has(name) && !isOurs(name, rawHeaders[index + 1]!)) lines += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return lines;
}

/** The same for the fields of a 101, which the library passes on itself. */
export function replaceOwnFields({ headers, httpVersion }: IncomingMessage, ownLines: string): void {
  const dropped = new Set([...endingHere(headers), ...contents]);
  const { upgrade } = headers;
  for (const [name, value] of Object.entries(headers)) {
    if (dropped.has(name) || isOurs(name, String(value))) delete headers[name];
  }
  headers['connection'] = 'Upgrade';
  headers['upgrade'] = upgrade;
  headers['via'] = headers['via'] === undefined ? `${httpVersion} sluice` : `${headers['via']}, ${httpVersion} sluice`;
  for (const line of ownLines.split('\r\n')) {
    if (line !== '') addField(headers, line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2));
  }
}

/** The names of what speaks of the connection to the target alone. */
function endingHere({ connection = '' }: IncomingHttpHeaders): ReadonlySet<string> {
  const listed = connection.toLowerCase().split(',');
  return new Set([...hopByHop, ...listed.map((name) => name.trim()).filter((name) => !notRemovable.has(name))]);
}

/** `_` being as good as `-`, as it is to the parser of other answers. */
function isOurs(name: string, value: string): boolean {
  const folded = name.replaceAll('_', '-');
  return folded.startsWith(ownPrefix) || (folded === 'proxy-status' && (folded !== name || speaksAsUs.test(value)));
}

/** Beside what is there: cookies of the target and ours are lines of one name that must stay apart (RFC 6265 section 3). */
function addField(headers: IncomingHttpHeaders, name: string, value: string): void {
  const before = headers[name];
  headers[name] = before === undefined ? value : [before, value].flat();
}
