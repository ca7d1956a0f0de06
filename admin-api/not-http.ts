import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problemDocument, type ProblemDocument } from './problems.ts';

/** What a client gets whose bytes never became a call: the same kind of document as everybody else. Its connection is closed. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const { status, detail } = reasons[error.code ?? ''] ?? { status: 400, detail: 'The bytes that were sent are no HTTP request.' };
    const problem: ProblemDocument = { ...problemDocument('MALFORMED', detail), status };
    const body = `${JSON.stringify(problem)}\n`;
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

const reasons: Readonly<Record<string, { readonly status: number; readonly detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request took too long to arrive; send it again.' },
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The fields of the request are too large; leave some out.' },
};
