import { createServer, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy-3';
import type { Cause } from '../src/core/terminations.ts';
import { ownAnswer } from './answer.ts';
import { connectFailure } from './http1/connect-failure.ts';
import type { RequestHead } from './message.ts';
import type { UpgradingExchange, Upgrades } from './plane.ts';
import type { Detached } from './sides.ts';

/** One connection that left HTTP, or is about to. It counts as in flight until both of its sockets are gone. */
interface UpgradedConnection {
  readonly exchange: UpgradingExchange;
  readonly client: Socket;
  readonly protocol: string;
  readonly targetUrl: string;
  /** On the coarse clock; 0 once the target has answered. */
  handshakeUntilMs: number;
  readonly bytesBefore: number;
  request: ClientRequest | undefined;
  target: Socket | undefined;
  /** 101, or what the target answered instead; 0 = nothing yet. */
  status: number;
  cause: Cause | '';
}

/**
 * WebSocket and other upgrades, carried by http-proxy-3. The connection is handed to a node:http server that serves nothing else: its
 * socket gets the request back, with our fields in it, and whatever was read beyond. Checking, counting, time-outs and draining are
 * ours: the library does none of them.
 */
export class ProxiedUpgrades implements Upgrades {
  readonly #clock: { readonly nowMs: number };
  readonly #connections = new Map<Socket, UpgradedConnection>();
  readonly #server: Server;
  readonly #proxy = httpProxy.createProxyServer({});

  constructor(clock: { readonly nowMs: number }) {
    this.#clock = clock;
    this.#server = createServer({ maxHeaderSize: 1_048_576, keepAlive: false, noDelay: true, requestTimeout: 0, headersTimeout: 0 });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#onUpgrade(request, socket, head));
    this.#server.on('clientError', (_error, socket) => this.#fail(socket as Socket, 'malformed_request'));
    this.#proxy.on('proxyReqWs', (request, incoming, socket) => this.#onOutgoing(request, incoming, socket as Socket));
    // Reported to the callback of `ws` as well; without a listener it would be thrown.
    this.#proxy.on('error', () => {});
  }

  get size(): number {
    return this.#connections.size;
  }

  take(exchange: UpgradingExchange, head: RequestHead, forwarding: string, { socket, unread }: Detached): void {
    const { service, target } = exchange.claim;
    const { host, port } = target!.address;
    const { connectMs, responseMs } = service!.policy.timeouts;
    this.#connections.set(socket, {
      exchange,
      client: socket,
      protocol: head.upgrade,
      targetUrl: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      handshakeUntilMs: this.#clock.nowMs + connectMs + responseMs,
      bytesBefore: socket.bytesWritten,
      request: undefined,
      target: undefined,
      status: 0,
      cause: '',
    });
    socket.on('close', () => this.#onClientGone(socket));
    const lines = `GET ${head.target} HTTP/1.1\r\nhost: ${head.authority}\r\n${head.fields}${forwarding}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`;
    socket.pause();
    socket.unshift(Buffer.concat([Buffer.from(lines, 'latin1'), unread]));
    this.#server.emit('connection', socket);
    socket.resume();
  }

  onTick(nowMs: number): void {
    for (const connection of this.#connections.values()) {
      if (connection.handshakeUntilMs > 0 && nowMs >= connection.handshakeUntilMs) {
        connection.request?.destroy();
        this.#fail(connection.client, 'response_timeout');
      }
    }
  }

  /** Ends every connection in order (FIN, after what is on its way), because the process must go. */
  closeAll(): void {
    for (const connection of this.#connections.values()) {
      connection.cause ||= 'shutdown';
      connection.target?.end();
      connection.client.end();
    }
  }

  /** Cuts what `closeAll` has left. */
  destroyAll(): void {
    for (const { client, target } of this.#connections.values()) {
      target?.destroy();
      client.destroy();
    }
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    this.#proxy.ws(request, socket, head, { target: connection.targetUrl }, (error: Error) => this.#onError(connection, error));
  }

  /** The library only passes `websocket`; what the client really asked for is put back into the request that it makes. */
  #onOutgoing(request: ClientRequest, _incoming: IncomingMessage, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.request = request;
    request.setHeader('upgrade', connection.protocol);
    request.once('upgrade', (_response: IncomingMessage, target: Socket) => {
      connection.status = 101;
      connection.handshakeUntilMs = 0;
      connection.target = target;
      target.setNoDelay(true);
      target.setKeepAlive(true, 30_000);
    });
    request.once('response', (response: IncomingMessage) => {
      connection.status = response.statusCode ?? 502;
      connection.handshakeUntilMs = 0;
    });
  }

  #onError(connection: UpgradedConnection, error: Error): void {
    if (connection.status !== 0) {
      connection.cause ||= 'response_incomplete';
      return;
    }
    const { cause } = connectFailure(error);
    this.#fail(connection.client, cause === 'connection_failed' ? 'upgrade_failed' : cause);
  }

  /** Answers a handshake that failed. */
  #fail(client: Socket, cause: Cause): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.status !== 0) {
      client.destroy();
      return;
    }
    const { head, body } = ownAnswer(cause);
    connection.status = head.status;
    connection.cause = cause;
    connection.handshakeUntilMs = 0;
    client.end(`HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}connection: close\r\n\r\n${body.toString('latin1')}`, () =>
      client.destroySoon(),
    );
  }

  #onClientGone(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    if (connection.target === undefined) connection.request?.destroy();
    else connection.target.end();
    const cause = connection.status === 0 ? 'client_closed' : connection.cause;
    connection.exchange.finishUpgrade(connection.status, cause, socket.bytesWritten - connection.bytesBefore);
  }
}
