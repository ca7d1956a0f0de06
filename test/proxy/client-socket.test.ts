import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { acceptClientSockets, type SocketTaker, ClientSocket, isBorrowed } from '../../proxy/http1/client-socket.ts';
import { Peer } from '../support/raw-client.ts';

/** A connection as the server and as the client have it. */
async function connected(t: TestContext): Promise<{ readonly accepted: Socket; readonly client: Peer }> {
  const server: Server = createServer({ pauseOnConnect: true });
  server.on('listening', () => acceptClientSockets(server));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const arrived = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const client = new Peer(connect((server.address() as AddressInfo).port, '127.0.0.1'));
  const accepted = await arrived;
  t.onTestFinished(() => {
    client.socket.destroy();
    accepted.destroy();
    server.close();
  });
  return { accepted, client };
}

/** Resolves with what has been taken as soon as it is this long. */
function take(socket: ClientSocket, length: number): Promise<{ readonly text: string; readonly borrowed: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const taker: SocketTaker = {
      onDrain: () => {},
      onEnd: () => {},
      onClose: () => {},
      onBytes(bytes) {
        text += bytes.toString('latin1');
        if (text.length >= length) resolve({ text, borrowed: isBorrowed(bytes) });
      },
    };
    socket.taker = taker;
    socket.resume();
  });
}

test('this runtime hands connections over before it makes sockets of its own of them', async (t) => {
  const { accepted } = await connected(t);
  expect(accepted).toBeInstanceOf(ClientSocket);
  expect(accepted.isPaused()).toBe(true);
});

describe('a connection with a taker', () => {
  test('gives it what was read, borrowed', async (t) => {
    const { accepted, client } = await connected(t);
    const taken = take(accepted as ClientSocket, 5);
    client.send('hello');
    expect(await taken).toEqual({ text: 'hello', borrowed: true });
  });

  test('is a stream again when the taker leaves', async (t) => {
    const { accepted, client } = await connected(t);
    const taken = take(accepted as ClientSocket, 5);
    client.send('hello');
    await taken;
    (accepted as ClientSocket).taker = undefined;
    const received = new Peer(accepted);
    client.send('again');
    await received.contains('again');
    client.end();
    expect(await received.ended).toBe('fin');
    expect(received.text).toBe('again');
  });
});

describe('a connection without a taker', () => {
  test('is a stream whose chunks stay as they are', async (t) => {
    const { accepted, client } = await connected(t);
    const chunks: Buffer[] = [];
    const received = new Peer(accepted);
    accepted.on('data', (chunk: Buffer) => chunks.push(chunk));
    accepted.resume();
    client.send('one');
    await received.contains('one');
    client.send('two');
    await received.contains('two');
    expect(Buffer.concat(chunks).toString()).toBe('onetwo');
    expect(chunks.some(isBorrowed)).toBe(false);
  });

  test('hears that the other side has left although it is paused, as any stream does', async (t) => {
    const { accepted, client } = await connected(t);
    const received = new Peer(accepted);
    accepted.resume();
    client.send('x');
    await received.contains('x');
    accepted.pause();
    client.end();
    expect(await received.ended).toBe('fin');
  });

  test('takes no more than its buffer holds while nobody reads', async (t) => {
    const { accepted, client } = await connected(t);
    accepted.read(0);
    client.send('x'.repeat(4_000_000));
    await new Promise((resolve) => accepted.once('readable', resolve));
    expect(accepted.readableLength).toBeLessThan(400_000);
  });
});
