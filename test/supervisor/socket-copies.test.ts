import { expect, test } from 'vitest';
import type { Channel, Handle } from '../../src/supervisor/channel.ts';
import type { FromWorker, ToWorker } from '../../src/supervisor/messages.ts';
import { SocketCopies } from '../../src/supervisor/socket-copies.ts';

class TestHandle implements Handle {
  isClosed = false;
  close(): void {
    this.isClosed = true;
  }
}

/** A channel to a supervisor that the test plays. */
function asking(withinMs?: number) {
  const asked: { readonly ticket: number; readonly handle: Handle | undefined }[] = [];
  const channel: Channel<ToWorker, FromWorker> = {
    send: (message, handle) => {
      if (message.kind === 'copySocket') asked.push({ ticket: message.ticket, handle });
      return Promise.resolve();
    },
    onMessage: () => {},
    onLost: () => {},
  };
  return { asked, copies: new SocketCopies(channel, withinMs) };
}

test('who asks for a copy gets the one of its own socket, in whichever order the answers come', async () => {
  const { asked, copies } = asking();
  const sockets = [new TestHandle(), new TestHandle()];
  const promised = sockets.map((socket) => copies.copy(socket));
  expect(asked.map(({ handle }) => handle)).toEqual(sockets);
  const [first, second] = [new TestHandle(), new TestHandle()];
  copies.hear(asked[1]!.ticket, second);
  copies.hear(asked[0]!.ticket, first);
  const got = await Promise.all(promised);
  expect([got[0] === first, got[1] === second]).toEqual([true, true]);
});

test('where the handle was lost on the way, there is no copy, and the next one goes to who has asked for it', async () => {
  const { asked, copies } = asking();
  const promised = [copies.copy(new TestHandle()), copies.copy(new TestHandle())];
  copies.hear(asked[0]!.ticket, undefined);
  const copy = new TestHandle();
  copies.hear(asked[1]!.ticket, copy);
  const got = await Promise.all(promised);
  expect([got[0] === undefined, got[1] === copy]).toEqual([true, true]);
});

test('where no answer comes, there is no copy; one that comes later is closed', async () => {
  const { asked, copies } = asking(1);
  expect(await copies.copy(new TestHandle())).toBe(undefined);
  const late = new TestHandle();
  copies.hear(asked[0]!.ticket, late);
  expect(late.isClosed).toBe(true);
});
