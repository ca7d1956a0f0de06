// The origin of cases that upload, and of machines without nginx: `node bench/origin-server.ts PORT`. It understands what well-behaved
// proxies send and no more: nothing pipelined, and bodies by Content-Length or, where they hold no end of a chunked body themselves, chunked.
import net from 'node:net';
import process from 'node:process';
import { answerFieldName, answerFieldValue, bodyOf, forwardedNames, forwardedPath, lastFieldName } from './origin.ts';

const answers = new Map<string, Buffer>();

net.createServer({ noDelay: true }, serve).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

function serve(socket: net.Socket): void {
  let requests = 0;
  let head = '';
  let bodyLeft = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    if (bodyLeft === Infinity) {
      if (chunk.subarray(-5).equals(lastChunk)) bodyLeft = 0;
    } else if (bodyLeft > 0) {
      bodyLeft -= chunk.length;
    } else {
      head += chunk.toString('latin1');
      const headEnd = head.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const isChunked = fieldOf(head, 'transfer-encoding') === 'chunked';
      if (isChunked) bodyLeft = head.endsWith('0\r\n\r\n') ? 0 : Infinity;
      else bodyLeft = Number(fieldOf(head, 'content-length') || 0) - (head.length - headEnd - 4);
    }
    if (bodyLeft > 0) return;
    requests += 1;
    socket.write(answerTo(head, requests));
    head = '';
  });
}

const lastChunk = Buffer.from('0\r\n\r\n');

function answerTo(head: string, requests: number): Buffer {
  const url = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'));
  if (url === forwardedPath) {
    const told = [...forwardedNames, lastFieldName].map((name) => `${name}: ${fieldOf(head, name)}`);
    return answer([...told, `requests: ${requests}`, ''].join('\n'), 0);
  }
  let known = answers.get(url);
  const [, , bytes, , fields = 0] = url.split('/');
  if (known === undefined) answers.set(url, (known = answer(bodyOf(Number(bytes)), Number(fields))));
  return known;
}

function answer(body: string, fieldCount: number): Buffer {
  const fields = Array.from({ length: fieldCount }, (_, index) => `${answerFieldName(index)}: ${answerFieldValue(index)}\r\n`).join('');
  const head = `HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n${fields}\r\n`;
  return Buffer.from(head + body, 'latin1');
}

function fieldOf(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, 'im').exec(head)?.[1] ?? '';
}
