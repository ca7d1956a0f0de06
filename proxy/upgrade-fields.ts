/** The fields of answers to an upgrade, as node:http has read them: what of them passes through, and what we add. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const ownPrefix = 'x-sluice-';
/** Hop-by-hop fields (RFC 9110 section 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];
/** Without these the answer would mean something else, whatever Connection lists. */
const notRemovable = new Set(['content-length', 'date']);

/** A refusal's field lines as we pass them on: without hop-by-hop fields, and without those that are ours to set. */
export function passingFields({ rawHeaders, headers }: IncomingMessage): string {
  const listed = (headers.connection ?? '').toLowerCase().split(',');
  const dropped = new Set([...hopByHop, ...listed.map((name) => name.trim()).filter((name) => !notRemovable.has(name))]);
  let lines = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!dropped.has(name) && !name.startsWith(ownPrefix)) lines += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return lines;
}

/** The same for the fields of a 101, which the library passes on itself; Connection and Upgrade belong to it. */
export function replaceOwnFields({ headers }: IncomingMessage, ownLines: string): void {
  for (const name of Object.keys(headers)) {
    if (name.startsWith(ownPrefix)) delete headers[name];
  }
  headers['via'] = headers['via'] === undefined ? '1.1 sluice' : `${headers['via']}, 1.1 sluice`;
  for (const line of ownLines.split('\r\n')) {
    if (line !== '') addField(headers, line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2));
  }
}

/** Beside what is there: cookies of the target and ours are lines of one name that must stay apart (RFC 6265 section 3). */
function addField(headers: IncomingHttpHeaders, name: string, value: string): void {
  const before = headers[name];
  headers[name] = before === undefined ? value : [before, value].flat();
}
