import { Agent, createServer, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import httpProxy from 'http-proxy-3';
import type { Cause } from '../src/core/terminations.ts';
import { ownAnswer } from './answer.ts';
import { ClosableWebSocket, idleTimeout, lingerMs, serviceRestart } from './closable-websocket.ts';
import type { UpstreamRoom } from './entrance/admission.ts';
import { connectFailure } from './http1/connect-failure.ts';
import { openTargetSocket, readyEvent } from './http1/target-socket.ts';
import type { RequestHead } from './message.ts';
import type { UpgradingExchange, Upgrades } from './plane.ts';
import type { LiveTarget } from './live.ts';
import type { Detached } from './sides.ts';
import { Silence } from './silence.ts';
import { passingFields, replaceOwnFields } from './upgrade-fields.ts';
import { wasAskedFor } from './upgrade-protocols.ts';

/** One connection that left HTTP, or is about to. It counts as in flight until it is closed. */
interface UpgradedConnection {
  readonly exchange: UpgradingExchange;
  readonly client: Socket;
  readonly head: RequestHead;
  /** What the server that the client is handed to reads first: the request with our fields, and what the client sent behind it. */
  readonly firstBytes: Buffer;
  readonly bytesBefore: number;
  /** Read of its client, up to the end of its handshake. */
  readonly readBefore: number;
  readonly tried: LiveTarget[];
  /** Where it counts as in flight. */
  place: LiveTarget;
  /** On the coarse clock: when the target must be connected, or have answered, or go on with a refusal, or be gone; 0 = no limit. */
  untilMs: number;
  /** On the coarse clock: how long the client may take to close its side, after everything else; 0 = it is not that far. */
  lingerUntilMs: number;
  /** What the client had taken of a refusal when that was last looked at. */
  bytesTaken: number;
  /** The connection to the target, from the attempt to make it on. */
  target: Socket;
  connected: boolean;
  /** Of a connection that has switched. */
  silence: Silence | undefined;
  /** Of a WebSocket that is open. */
  webSocket: ClosableWebSocket | undefined;
  /** Why it was told to close; '' = it was not. */
  closing: Cause | '';
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
  /** The same by target, the oldest first. */
  readonly #byTarget = new Map<LiveTarget, Set<UpgradedConnection>>();
  readonly #server: Server;
  readonly #room: UpstreamRoom;
  /** `toProxy`: or the library would resolve dot segments and backslashes, and ask for a path that no route was asked about. */
  readonly #proxy = httpProxy.createProxyServer({ toProxy: true });

  constructor(clock: { readonly nowMs: number }, onBug: (error: unknown) => void, room: UpstreamRoom) {
    this.#clock = clock;
    this.#room = room;
    this.#onBug = onBug;
    this.#server = createServer({ maxHeaderSize: 1_048_576, keepAlive: false, noDelay: true, requestTimeout: 0, headersTimeout: 0 });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#onUpgrade(request, socket, head));
    this.#server.on('clientError', (_error, socket) => this.#fail(socket as Socket, 'malformed_request'));
    this.#proxy.on('proxyReqWs', (request, incoming, socket) => this.#onOutgoing(request, incoming, socket));
    // Reported to the callback of `ws` as well; without a listener it would be thrown.
    this.#proxy.on('error', () => {});
  }

  take(exchange: UpgradingExchange, head: RequestHead, forwarding: string, { socket, unread }: Detached): void {
    // The path goes another way: this server is given one that no URL parser can stumble over.
    const lines = `GET / HTTP/1.1\r\nhost: ${head.authority}\r\n${head.fields}${forwarding}connection: Upgrade\r\nupgrade: websocket\r\n\r\n`;
    const connection: UpgradedConnection = {
      exchange,
      client: socket,
      head,
      firstBytes: Buffer.concat([Buffer.from(lines, 'latin1'), unread]),
      bytesBefore: socket.bytesWritten,
      readBefore: socket.bytesRead - unread.length,
      tried: [],
      place: exchange.claim.target!,
      untilMs: 0,
      lingerUntilMs: 0,
      bytesTaken: 0,
      target: this.#connect(socket, exchange),
      connected: false,
      silence: undefined,
      webSocket: undefined,
      closing: '',
      status: 0,
      cause: '',
    };
    this.#setDeadline(connection);
    this.#connections.set(socket, connection);
    this.#putIn(connection);
    socket.pause();
    socket.on('end', () => this.#onClientEnd(socket));
    socket.on('close', () => this.#onClientGone(socket));
  }

  onTick(nowMs: number): void {
    for (const connection of this.#connections.values()) {
      if (connection.closing !== '') this.#watchClosing(connection, nowMs);
      else if (connection.status === 0 && nowMs >= connection.untilMs) this.#onLate(connection);
      else if (connection.client.writableFinished && connection.target.destroyed) this.#linger(connection, nowMs);
      else if (connection.silence?.isDue(nowMs) === true) this.#watchSilence(connection, connection.silence, nowMs);
      else if (connection.status !== 0 && connection.status !== 101) this.#watchRefusal(connection, nowMs);
    }
  }

  /** The target of every connection that has left HTTP, or is about to: once for each, those that are closing included. */
  *targets(): Generator<LiveTarget> {
    for (const { place } of this.#connections.values()) yield place;
  }

  carriedTo(target: LiveTarget): number {
    return this.#byTarget.get(target)?.size ?? 0;
  }

  /** How many of a target's connections nobody has told to close, and that are not on their way out by themselves. */
  openOn(target: LiveTarget): number {
    let count = 0;
    for (const connection of this.#byTarget.get(target) ?? []) if (isClosable(connection)) count++;
    return count;
  }

  /**
   * Closes a target's connections, at most so many, the oldest first: WebSockets by close frames, at the ends of the frames that are under
   * way, others by FIN. Handshakes go to another target, if they can, or are answered with the cause. What does not end within seconds is
   * cut, by the tick.
   * @returns how many were told to close
   */
  closeOn(target: LiveTarget, atMost: number, cause: Cause): number {
    let count = 0;
    for (const connection of this.#byTarget.get(target) ?? []) {
      if (count >= atMost) break;
      if (!isClosable(connection)) continue;
      this.#close(connection, cause);
      count++;
    }
    return count;
  }

  /** Closes every connection in the same way, because the process must go. */
  closeAll(): void {
    for (const connection of this.#connections.values()) if (isClosable(connection)) this.#close(connection, 'shutdown');
  }

  /** Cuts what `closeAll` has left. */
  destroyAll(): void {
    for (const { client, target } of this.#connections.values()) {
      target.destroy();
      client.destroy();
    }
  }

  #connect(client: Socket, { claim }: UpgradingExchange): Socket {
    const { destination } = claim.target!;
    this.#room.enter();
    const socket = openTargetSocket(destination, { keepAliveDelayMs: 30_000 });
    let failure: Error | undefined;
    socket.on('error', (error) => (failure = error));
    socket.on(readyEvent(destination), () => this.#onConnected(client));
    socket.on('close', () => {
      this.#room.leave();
      this.#onTargetClosed(client, socket, failure);
    });
    return socket;
  }

  #setDeadline(connection: UpgradedConnection): void {
    const { connectMs, responseMs } = connection.exchange.claim.service!.policy.timeouts;
    connection.untilMs = this.#clock.nowMs + (connection.connected ? responseMs : connectMs);
  }

  /** The target is there: the client's connection goes to the server, and comes back with `upgrade`. */
  #onConnected(client: Socket): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.status !== 0) return;
    connection.connected = true;
    this.#setDeadline(connection);
    client.unshift(connection.firstBytes);
    this.#server.emit('connection', client);
    client.resume();
  }

  /** Where no connection could be made, another target of the pool is tried: nothing was sent yet. */
  #onTargetClosed(client: Socket, target: Socket, failure: Error | undefined): void {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.connected || connection.target !== target || connection.status !== 0) return;
    const { cause } = connectFailure(failure, target);
    // What we ourselves lack is not the target's fault.
    if (cause !== 'proxy_exhausted') connection.exchange.noteOutcome(true);
    if (!this.#tryAnother(connection)) this.#fail(client, cause);
  }

  #tryAnother(connection: UpgradedConnection): boolean {
    const { exchange, client, tried } = connection;
    const { claim } = exchange;
    if (tried.length >= claim.service!.policy.retry.attempts) return false;
    tried.push(claim.target!);
    if (!exchange.takeAnother(tried)) return false;
    claim.service!.counts.retries++;
    this.#takeOut(connection);
    connection.place = claim.target!;
    this.#putIn(connection);
    connection.target = this.#connect(client, exchange);
    this.#setDeadline(connection);
    return true;
  }

  #onLate(connection: UpgradedConnection): void {
    const { target, connected, client, exchange } = connection;
    exchange.noteOutcome(true);
    if (connected) this.#fail(client, 'response_timeout');
    else if (!this.#tryAnother(connection)) this.#fail(client, 'connection_timeout');
    target.destroy();
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
      const options = { target: 'http://target.invalid', agent: new AgentOfOne(connection.target) };
      this.#proxy.ws(request, socket, head, options, () => this.#onError(connection));
    } catch (error) {
      this.#onBug(error);
      this.#fail(socket, 'internal_error');
    }
  }

  /** Called by the library with the request that it is about to send; it only passes `websocket`, whatever the client asked for. */
  #onOutgoing(request: ClientRequest, _incoming: IncomingMessage, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    request.path = connection.head.target;
    request.setHeader('upgrade', connection.head.upgrade);
    // After the library has added its own, which would hold in memory what a client does not read of a refusal, and would pass on any 101.
    process.nextTick(() => {
      request.removeAllListeners('response').once('response', (response: IncomingMessage) => this.#onRefused(connection, response));
      const passOn = request.listeners('upgrade');
      request.removeAllListeners('upgrade').once('upgrade', (...said: [IncomingMessage, Socket, Buffer]) => {
        if (this.#onSwitched(connection, said[0])) for (const listener of passOn) Reflect.apply(listener, request, said);
      });
    });
  }

  /** @returns whether it is to be passed on: a target must not switch to what nobody asked for (RFC 9110 section 7.8) */
  #onSwitched(connection: UpgradedConnection, response: IncomingMessage): boolean {
    const { head, exchange } = connection;
    const protocols = response.headers.upgrade ?? '';
    if (!wasAskedFor(head.upgrade, protocols)) {
      this.#onError(connection);
      return false;
    }
    connection.status = 101;
    connection.silence = new Silence(exchange.claim.service!.policy.timeouts.upgradedMs, this.#clock.nowMs);
    exchange.noteOutcome(false);
    replaceOwnFields(response, exchange.extraFields());
    if (protocols.toLowerCase() === 'websocket') process.nextTick(() => this.#follow(connection));
    // Other protocols may say by FIN that their input is over, and wait for what comes of it.
    else connection.client.allowHalfOpen = true;
    return true;
  }

  /** Not before the library has put back what came with the 101, or that would pass by while nobody passes it on. */
  #follow(connection: UpgradedConnection): void {
    connection.webSocket = new ClosableWebSocket(connection.client, connection.target, this.#clock);
  }

  /** The target has answered otherwise than by switching: that answer is the connection's last. */
  #onRefused(connection: UpgradedConnection, response: IncomingMessage): void {
    const { client, exchange } = connection;
    const status = response.statusCode ?? 502;
    response.on('error', () => {});
    // It has switched, without Connection or Upgrade to say so: to what, nobody knows.
    if (status === 101) {
      this.#onError(connection);
      return;
    }
    connection.status = status;
    exchange.noteOutcome(false);
    this.#allowSilence(connection, this.#clock.nowMs);
    const fields = `${passingFields(response)}via: ${response.httpVersion} sluice\r\n${exchange.extraFields()}connection: close\r\n`;
    client.write(`HTTP/1.1 ${status} ${response.statusMessage ?? ''}\r\n${fields}\r\n`, 'latin1');
    // What it has sent behind the handshake is nobody's: thrown away, or its FIN would not be seen behind it.
    client.resume();
    response.on('close', () => {
      if (response.complete) return;
      connection.cause ||= 'response_incomplete';
      client.resetAndDestroy();
    });
    response.pipe(client);
  }

  #onError(connection: UpgradedConnection): void {
    if (connection.status !== 0) {
      connection.cause ||= 'response_incomplete';
      return;
    }
    connection.exchange.noteOutcome(true);
    this.#fail(connection.client, 'upgrade_failed');
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
    connection.target.destroy();
    client.end(`HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}connection: close\r\n\r\n${body.toString('latin1')}`);
    // What is read on is thrown away: closing with unread bytes would reset the connection, and could take the answer with it.
    client.resume();
  }

  #close(connection: UpgradedConnection, cause: Cause): void {
    const { status, client, target, webSocket } = connection;
    if (status === 0) {
      this.#closeHandshake(connection, cause);
      return;
    }
    if (status !== 101) {
      connection.cause ||= cause;
      client.resetAndDestroy();
      return;
    }
    connection.closing = cause;
    connection.untilMs = this.#clock.nowMs + lingerMs;
    // One that closes by itself may do so, and is not our doing unless it does not come to an end.
    if (webSocket?.isClosingItself === true) return;
    connection.cause ||= cause;
    if (webSocket === undefined || webSocket.malformed) endBoth(client, target);
    else webSocket.close(cause === 'upgrade_idle' ? idleTimeout : serviceRestart);
  }

  /** Where no connection could be made yet, nothing was sent, and any other target of the pool will do, if the process goes on. */
  #closeHandshake(connection: UpgradedConnection, cause: Cause): void {
    const { target, connected } = connection;
    if (connected || cause === 'shutdown' || !this.#tryAnother(connection)) this.#fail(connection.client, cause);
    target.destroy();
  }

  #watchClosing(connection: UpgradedConnection, nowMs: number): void {
    const { client, webSocket } = connection;
    const isOverdue = webSocket?.toldToClose === true ? webSocket.isOverdue() : nowMs >= connection.untilMs;
    if (!isOverdue) return;
    connection.cause ||= connection.closing;
    client.destroy();
  }

  /** Who takes nothing soon lets nothing be read: then both are silent. */
  #watchSilence(connection: UpgradedConnection, silence: Silence, nowMs: number): void {
    const { client, target } = connection;
    if (silence.isTooLong(client.bytesRead + target.bytesRead, nowMs)) this.#close(connection, 'upgrade_idle');
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
    const connection = this.#connections.get(socket);
    if (connection?.status !== 101) socket.destroy();
    else connection.silence = new Silence(silenceAfterEndMs(connection), this.#clock.nowMs);
  }

  #onClientGone(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    this.#takeOut(connection);
    if (connection.webSocket?.toldToClose === true) connection.webSocket.leaveTarget();
    // What the client said last still goes out.
    else if (connection.status === 101) connection.target.destroySoon();
    else connection.target.destroy();
    const cause = connection.status === 0 ? 'client_closed' : connection.cause;
    const { status, bytesBefore, readBefore } = connection;
    connection.exchange.finishUpgrade(status, cause, socket.bytesWritten - bytesBefore, socket.bytesRead - readBefore);
  }

  #putIn(connection: UpgradedConnection): void {
    const { place } = connection;
    const there = this.#byTarget.get(place);
    if (there === undefined) this.#byTarget.set(place, new Set([connection]));
    else there.add(connection);
  }

  #takeOut(connection: UpgradedConnection): void {
    const there = this.#byTarget.get(connection.place)!;
    there.delete(connection);
    if (there.size === 0) this.#byTarget.delete(connection.place);
  }
}

/** Nobody has told it to close, and it is not over: whatever ends a connection also ends what we write to its client. */
function isClosable({ status, closing, client }: UpgradedConnection): boolean {
  return closing === '' && (status === 0 || client.writable);
}

/** A client that has sent FIN may be gone altogether, which nobody can tell until something is sent to it. */
function silenceAfterEndMs({ exchange }: UpgradedConnection): number {
  const { idleMs, upgradedMs } = exchange.claim.service!.policy.timeouts;
  return idleMs === 0 || (upgradedMs > 0 && upgradedMs < idleMs) ? upgradedMs : idleMs;
}

/** Ends a connection of which we do not know how its protocol says goodbye: FIN, behind what is on its way. */
function endBoth(client: Socket, target: Socket): void {
  target.unpipe(client);
  client.unpipe(target);
  for (const socket of [client, target]) {
    socket.end();
    // What still comes is thrown away, but FIN must be seen.
    socket.resume();
  }
}

/** Gives a request the connection that was made for it. */
class AgentOfOne extends Agent {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ keepAlive: false });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    return this.#socket;
  }
}
