import { createServer, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy-3';
import type { Cause } from '../src/core/terminations.ts';
import { ownAnswer } from './answer.ts';
import { connectFailure } from './http1/connect-failure.ts';
import type { RequestHead } from './message.ts';
import type { UpgradingExchange, Upgrades } from './plane.ts';
import type { Detached } from './sides.ts';

/** How long a client may take to close its side of a connection that has ended. */
const lingerMs = 2000;
const ownPrefix = 'x-sluice-';

/** One connection that left HTTP, or is about to. It counts as in flight until it is closed. */
interface UpgradedConnection {
  readonly exchange: UpgradingExchange;
  readonly client: Socket;
  readonly protocol: string;
  /** What to ask the target for, as the client wrote it. */
  readonly path: string;
  readonly targetUrl: string;
  readonly bytesBefore: number;
  /** On the coarse clock: when the target must have answered, or the refusal that it answered must go on; 0 = no limit. */
  untilMs: number;
  /** On the coarse clock: how long the client may take to close its side, after everything else; 0 = it is not that far. */
  lingerUntilMs: number;
  /** What the client had taken of a refusal when that was last looked at. */
  bytesTaken: number;
  request: ClientRequest | undefined;
  target: Socket | undefined;
  /** 101, or what the target or we answered instead; 0 = nothing yet. */
  status: number;
  cause: Cause | '';
}

/**
 * WebSocket and other upgrades, carried by http-proxy-3. The connection is handed to a node:http server that serves nothing else: its
 * socket gets the request back, with our fields in it, and whatever was read beyond. Checking, counting, time-outs, draining, and what
 * becomes of a handshake that the target refuses are ours: the library does none of them, or not so that it would hold.
 */
export class ProxiedUpgrades implements Upgrades {
  readonly #clock: { readonly nowMs: number };
  readonly #onBug: (error: unknown) => void;
  readonly #connections = new Map<Socket, UpgradedConnection>();
  readonly #server: Server;
  /** `toProxy`: or the library would resolve dot segments and backslashes, and ask for a path that no route was asked about. */
  readonly #proxy = httpProxy.createProxyServer({ toProxy: true });

  constructor(clock: { readonly nowMs: number }, onBug: (error: unknown) => void) {
    this.#clock = clock;
    this.#onBug = onBug;
    this.#server = createServer({ maxHeaderSize: 1_048_576, keepAlive: false, noDelay: true, requestTimeout: 0, headersTimeout: 0 });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#onUpgrade(request, socket, head));
    this.#server.on('clientError', (_error, socket) => this.#fail(socket as Socket, 'malformed_request'));
    this.#proxy.on('proxyReqWs', (request, incoming, socket) => this.#onOutgoing(request, incoming, socket as Socket));
    // Reported to the callback of `ws` as well; without a listener it would be thrown.
    this.#proxy.on('error', () => {});
  }

  take(exchange: UpgradingExchange, head: RequestHead, forwarding: string, { socket, unread }: Detached): void {
    const { service, target } = exchange.claim;
    const { host, port } = target!.address;
    const { connectMs, responseMs } = service!.policy.timeouts;
    this.#connections.set(socket, {
      exchange,
      client: socket,
      protocol: head.upgrade,
      path: head.target,
      targetUrl: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      bytesBefore: socket.bytesWritten,
      untilMs: this.#clock.nowMs + connectMs + responseMs,
      lingerUntilMs: 0,
      bytesTaken: 0,
      request: undefined,
      target: undefined,
      status: 0,
      cause: '',
    });
    socket.on('end', () => this.#onClientEnd(socket));
    socket.on('close', () => this.#onClientGone(socket));
    // The path goes another way: this server is given one that no URL parser can stumble over.
    const lines = `GET / HTTP/1.1\r\nhost: ${head.authority}\r\n${head.fields}${forwarding}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`;
    socket.pause();
    socket.unshift(Buffer.concat([Buffer.from(lines, 'latin1'), unread]));
    this.#server.emit('connection', socket);
    socket.resume();
  }

  onTick(nowMs: number): void {
    for (const connection of this.#connections.values()) {
      if (connection.status === 0 && nowMs >= connection.untilMs) this.#fail(connection.client, 'response_timeout');
      else if (connection.client.writableFinished && connection.target?.destroyed !== false) this.#linger(connection, nowMs);
      else if (connection.status !== 0 && connection.status !== 101) this.#watchRefusal(connection, nowMs);
    }
  }

  /** Ends every connection in order (FIN, after what is on its way), because the process must go. */
  closeAll(): void {
    for (const connection of this.#connections.values()) {
      if (connection.status === 0) this.#fail(connection.client, 'shutdown');
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
    // There is no body that could wait for leave, and node:http would send the head before we can complete it.
    delete request.headers.expect;
    try {
      this.#proxy.ws(request, socket, head, { target: connection.targetUrl }, (error: Error) => this.#onError(connection, error));
    } catch (error) {
      this.#onBug(error);
      this.#fail(socket, 'internal_error');
      return;
    }
    // The library would hold in memory what a client does not read of a refusal.
    connection.request?.removeAllListeners('response').once('response', (response) => this.#onRefused(connection, response));
  }

  /** Called by the library with the request that it is about to send; it only passes `websocket`, whatever the client asked for. */
  #onOutgoing(request: ClientRequest, _incoming: IncomingMessage, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.request = request;
    request.path = connection.path;
    request.setHeader('upgrade', connection.protocol);
    // Before the library's own listener, so that it passes on the fields as they are then.
    request.once('upgrade', (response: IncomingMessage, target: Socket) => {
      connection.status = 101;
      connection.target = target;
      target.setKeepAlive(true, 30_000);
      replaceOwnFields(response, connection.exchange.debugFields());
    });
  }

  /** The target has answered otherwise than by switching: that answer is the connection's last. */
  #onRefused(connection: UpgradedConnection, response: IncomingMessage): void {
    const { client, exchange } = connection;
    const status = response.statusCode ?? 502;
    connection.status = status;
    this.#allowSilence(connection, this.#clock.nowMs);
    const fields = `${passingFields(response)}via: 1.1 sluice\r\n${exchange.debugFields()}connection: close\r\n`;
    client.write(`HTTP/1.1 ${status} ${response.statusMessage ?? ''}\r\n${fields}\r\n`, 'latin1');
    response.on('error', () => {});
    response.on('close', () => {
      if (response.complete) return;
      connection.cause ||= 'response_incomplete';
      client.resetAndDestroy();
    });
    response.pipe(client);
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
    connection.untilMs = 0;
    connection.request?.destroy();
    client.end(`HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}connection: close\r\n\r\n${body.toString('latin1')}`);
    // What is read on is thrown away: closing with unread bytes would reset the connection, and could take the answer with it.
    client.resume();
  }

  /** A refusal that neither comes nor goes on is cut off. */
  #watchRefusal(connection: UpgradedConnection, nowMs: number): void {
    const { client } = connection;
    const taken = client.bytesWritten - client.writableLength;
    if (taken !== connection.bytesTaken) {
      connection.bytesTaken = taken;
      this.#allowSilence(connection, nowMs);
    } else if (connection.untilMs > 0 && nowMs >= connection.untilMs) {
      connection.cause ||= client.writableLength > 0 ? 'client_stalled' : 'target_stalled';
      client.resetAndDestroy();
    }
  }

  #allowSilence(connection: UpgradedConnection, nowMs: number): void {
    const { idleMs } = connection.exchange.claim.service!.policy.timeouts;
    connection.untilMs = idleMs === 0 ? 0 : nowMs + idleMs;
  }

  /** The target is gone, and everything was sent to the client: it may close now, or will be. */
  #linger(connection: UpgradedConnection, nowMs: number): void {
    if (connection.lingerUntilMs === 0) connection.lingerUntilMs = nowMs + lingerMs;
    else if (nowMs >= connection.lingerUntilMs) connection.client.destroy();
  }

  /** A client that leaves before its handshake is answered need not be answered. After it, its FIN goes to the target like its bytes. */
  #onClientEnd(socket: Socket): void {
    if (this.#connections.get(socket)?.status !== 101) socket.destroy();
  }

  #onClientGone(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    if (connection.target === undefined) connection.request?.destroy();
    else connection.target.destroySoon();
    const cause = connection.status === 0 ? 'client_closed' : connection.cause;
    connection.exchange.finishUpgrade(connection.status, cause, socket.bytesWritten - connection.bytesBefore);
  }
}

/** Hop-by-hop fields (RFC 9110 section 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];
/** Without these the answer would mean something else, whatever Connection lists. */
const notRemovable = new Set(['content-length', 'date']);

/** A refusal's field lines as we pass them on: without hop-by-hop fields, and without those that are ours to set. */
function passingFields({ rawHeaders, headers }: IncomingMessage): string {
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
function replaceOwnFields({ headers }: IncomingMessage, debugFields: string): void {
  for (const name of Object.keys(headers)) {
    if (name.startsWith(ownPrefix)) delete headers[name];
  }
  headers['via'] = headers['via'] === undefined ? '1.1 sluice' : `${headers['via']}, 1.1 sluice`;
  for (const line of debugFields.split('\r\n')) {
    if (line !== '') headers[line.slice(0, line.indexOf(':'))] = line.slice(line.indexOf(':') + 2);
  }
}
