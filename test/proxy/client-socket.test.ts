import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { acceptClientSockets, ClientSocket, giveSocket, isBorrowed, type SocketTaker, takeBack } from '../../proxy/http1/client-socket.ts';
import { Peer } from '../support/raw-client.ts';

/** A connection as the server and as the client have it. */
async function connected(t: TestContext, accept = acceptClientSockets): Promise<{ readonly accepted: Socket; readonly client: Peer }> {
  const server: Server = createServer({ pauseOnConnect: true });
  server.on('listening', () => accept(server));
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

/** What a taker has been told. */
class Notes implements SocketTaker {
  text = '';
  borrowed = false;
  ended = false;
  readonly #watchers = new Set<() => void>();

  onBytes(bytes: Buffer): void {
    this.text += bytes.toString('latin1');
    this.borrowed = isBorrowed(bytes);
    this.#look();
  }
  onDrain(): void {}
  onEnd(): void {
    this.ended = true;
    this.#look();
  }
  onClose(): void {}

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (holds()) resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#watchers) look();
  }
}

test('this runtime hands connections over before it makes sockets of its own of them', async (t) => {
  const { accepted } = await connected(t);
  expect(accepted).toBeInstanceOf(ClientSocket);
  expect(accepted.isPaused()).toBe(true);
});

const kinds = [
  ['of ours', acceptClientSockets],
  ["of the server's own making, as those that are encrypted are", () => {}],
] as const;

describe.each(kinds)('a socket %s with a taker', (_kind, accept) => {
  test('gives it what was read, and says when the other side has left', async (t) => {
    const { accepted, client } = await connected(t, accept);
    const notes = new Notes();
    giveSocket(accepted, notes);
    accepted.resume();
    client.send('hello');
    await notes.until(() => notes.text === 'hello');
    expect(notes.borrowed).toBe(accepted instanceof ClientSocket);
    client.end();
    await notes.until(() => notes.ended);
  });

  test('rests while it is paused, and goes on when it is resumed', async (t) => {
    const { accepted, client } = await connected(t, accept);
    const notes = new Notes();
    giveSocket(accepted, notes);
    accepted.resume();
    const all = 'x'.repeat(8_000_000);
    client.send(all);
    await notes.until(() => notes.text !== '');
    accepted.pause();
    // What was on its way may come still.
    await new Promise(setImmediate);
    const before = notes.text.length;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(notes.text.length).toBe(before);
    accepted.resume();
    await notes.until(() => notes.text.length === all.length);
  });

  test('is a stream again when it is taken back', async (t) => {
    const { accepted, client } = await connected(t, accept);
    const notes = new Notes();
    giveSocket(accepted, notes);
    accepted.resume();
    client.send('hello');
    await notes.until(() => notes.text === 'hello');
    takeBack(accepted);
    const received = new Peer(accepted);
    client.send('again');
    await received.contains('again');
    accepted.pause();
    client.send('and again');
    accepted.resume();
    await received.contains('and again');
    client.end();
    expect(await received.ended).toBe('fin');
    expect([notes.text, received.text]).toEqual(['hello', 'againand again']);
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
