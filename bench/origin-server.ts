// The origin of machines without nginx: `node bench/origin-server.ts PORT`. It understands what well-behaved proxies send and no more:
// request bodies by Content-Length, nothing pipelined.
import net from 'node:net';
import process from 'node:process';
import { bodyOf, forwardedNames, forwardedPath } from './origin.ts';

const answers = new Map<string, Buffer>();

net.createServer({ noDelay: true }, serve).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });

function serve(socket: net.Socket): void {
  let requests = 0;
  let head = '';
  let bodyLeft = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    if (bodyLeft > 0) {
      bodyLeft -= chunk.length;
    } else {
      head += chunk.toString('latin1');
      const headEnd = head.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      bodyLeft = Number(fieldOf(head, 'content-length') || 0) - (head.length - headEnd - 4);
    }
    if (bodyLeft > 0) return;
    requests += 1;
    socket.write(answerTo(head, requests));
    head = '';
  });
}

function answerTo(head: string, requests: number): Buffer {
  const url = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'));
  if (url === forwardedPath)
    return answer([...forwardedNames.map((name) => `${name}: ${fieldOf(head, name)}`), `requests: ${requests}`, ''].join('\n'));

  let known = answers.get(url);
  if (known === undefined) answers.set(url, (known = answer(bodyOf(Number(url.split('/')[2])))));
  return known;
}

function answer(body: string): Buffer {
  const head = `HTTP/1.1 200 OK\r\nserver: bench\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\n\r\n`;
  return Buffer.from(head + body, 'latin1');
}

function fieldOf(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*)\r$`, 'im').exec(head)?.[1] ?? '';
}
