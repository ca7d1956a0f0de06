/** Targets that are reached over TLS. */
import { createServer as createHttpsServer } from 'node:https';
import type { RequestListener } from 'node:http';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import type { TestContext } from 'vitest';
import { Peer } from './raw-client.ts';
import { listen, type RawTarget, type TestTarget } from './target.ts';

/** What the handshakes of a target have come to. */
export interface Handshakes {
  readonly sockets: readonly TLSSocket[];
  /** How many of them resumed an earlier session. */
  readonly resumed: number;
}

/** A target that speaks HTTP by node:https. */
export async function startTlsTarget(
  t: TestContext,
  tls: TlsOptions,
  handler: RequestListener = (_request, response) => response.end('ok'),
): Promise<TestTarget & { readonly server: ReturnType<typeof createHttpsServer>; readonly handshakes: Handshakes }> {
  const server = createHttpsServer({ ...tls, keepAliveTimeout: 60_000 }, handler);
  const sockets: TLSSocket[] = [];
  const handshakes = { sockets, resumed: 0 };
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.push(socket);
    if (socket.isSessionReused()) handshakes.resumed++;
  });
  return Object.assign(await listen(t, server), { server, handshakes });
}

/** A target that says, byte for byte, what the test makes it say, but for the encryption. */
export async function startRawTlsTarget(
  t: TestContext,
  tls: TlsOptions,
  onConnection: (peer: Peer) => void = () => {},
): Promise<RawTarget> {
  const arrivals: PromiseWithResolvers<Peer>[] = [];
  const arrival = (index: number) => (arrivals[index] ??= Promise.withResolvers<Peer>());
  let count = 0;
  const server = createServer(tls, (socket) => {
    const peer = new Peer(socket);
    arrival(count++).resolve(peer);
    onConnection(peer);
  });
  return Object.assign(await listen(t, server), { peer: (index: number) => arrival(index).promise });
}
