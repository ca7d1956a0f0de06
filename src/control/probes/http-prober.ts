import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type buildConnector, Client, type Dispatcher } from 'undici';
import type { HealthCheck, SocketAddress } from '../../core/model.ts';
import { type AnswerFields, bodyBytesMax, failure, type Finding, findingOf, judgeHead } from './details.ts';
import type { Prober } from './prober.ts';
import { type ProbeTls, tlsOptions } from './tls.ts';

/** Probes by a request on a connection that is kept from one probe to the next. Redirects are answers like others. */
export class HttpProber implements Prober {
  readonly #check: HealthCheck;
  readonly #address: SocketAddress;
  readonly #tls: ProbeTls | undefined;
  readonly #request: Dispatcher.DispatchOptions;
  #client: Client | undefined;
  #socket: Socket | undefined;
  #probe: HttpProbe | undefined;
  #report: ((finding: Finding) => void) | undefined;

  constructor(check: HealthCheck, address: SocketAddress, hostField: string, tls: ProbeTls | undefined) {
    this.#check = check;
    this.#tls = tls;
    this.#address = address;
    const headers = { host: hostField, 'user-agent': 'sluice-probe', accept: '*/*' };
    this.#request = { path: check.path, method: check.method, headers };
  }

  start(report: (finding: Finding) => void): void {
    this.#report = report;
    this.#send(this.#socket?.readyState === 'open' ? this.#socket : undefined);
  }

  timeOut(): void {
    const probe = this.#probe;
    if (probe === undefined) return;
    const finding = probe.whenTimeIsOver(this.#socket?.connecting === true);
    // First of all, because the client tells the probe of its end, and that would be taken for the cause.
    this.#end(probe, finding);
    this.#disconnect();
  }

  close(): void {
    this.#probe = undefined;
    this.#report = undefined;
    this.#disconnect();
  }

  /** @param kept the connection that this probe will go out on, if one is open */
  #send(kept: Socket | undefined): void {
    this.#client ??= this.#createClient();
    const probe = new HttpProbe(this.#check, (finding) => {
      // That a kept connection was closed just when it was used says nothing about the target: a new one will tell.
      const isStale = finding.kind === 'fail' && !probe.hasHead && kept !== undefined && kept === this.#socket;
      if (isStale && this.#probe === probe) this.#send(undefined);
      else this.#end(probe, finding);
    });
    this.#probe = probe;
    this.#client.dispatch(this.#request, probe);
  }

  #end(probe: HttpProbe, finding: Finding): void {
    if (this.#probe !== probe) return;
    const report = this.#report;
    this.#probe = undefined;
    this.#report = undefined;
    report?.(finding);
  }

  #disconnect(): void {
    // A connection that is still being made does not belong to the client yet, and would go on trying for minutes.
    this.#socket?.destroy();
    this.#socket = undefined;
    void this.#client?.destroy();
    this.#client = undefined;
  }

  #createClient(): Client {
    const { kind, intervalMs } = this.#check;
    const host = isIP(this.#address.host) === 6 ? `[${this.#address.host}]` : this.#address.host;
    return new Client(`${kind}://${host}:${this.#address.port}`, {
      allowH2: false,
      connect: (options, callback) => this.#connect(options, callback),
      // The deadline of the whole probe covers all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      // Long enough to find the connection open the next time, unless the target says that it closes earlier.
      keepAliveTimeout: intervalMs * 2 + 1000,
    });
  }

  #connect({ servername }: buildConnector.Options, callback: buildConnector.Callback): void {
    const options = { ...this.#address, noDelay: true };
    const { kind, verify } = this.#check;
    const socket =
      kind === 'https'
        ? connectTls({ ...options, servername: servername ?? '', ALPNProtocols: ['http/1.1'], ...tlsOptions(this.#tls, verify) })
        : connectTcp(options);
    this.#socket = socket;
    let isTold = false;
    const tell = (error: Error | undefined): void => {
      if (isTold) return;
      isTold = true;
      if (error === undefined) callback(null, socket);
      else callback(error, null);
    };
    socket.once(kind === 'https' ? 'secureConnect' : 'connect', () => tell(undefined));
    // Both stay: the client adds its own, and without any a late error would end the process.
    socket.on('error', tell);
    socket.on('close', () => tell(new Error('connection closed')));
  }
}

/** One request of a probe, and what has come of its answer. */
class HttpProbe implements Dispatcher.DispatchHandler {
  readonly #check: HealthCheck;
  readonly #report: (finding: Finding) => void;
  #head: Finding | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(check: HealthCheck, report: (finding: Finding) => void) {
    this.#check = check;
    this.#report = report;
  }

  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  whenTimeIsOver(isConnecting: boolean): Finding {
    const within = `within ${this.#check.timeoutMs} ms`;
    if (this.#head === undefined) return failure(`no ${isConnecting ? 'connection' : 'answer'} ${within}`);
    return this.#head.kind === 'pass' ? failure(`the answer did not end ${within}`) : this.#head;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, fields: AnswerFields): void {
    // 100 and 103 come before the answer.
    if (status >= 200) this.#head = judgeHead(this.#check, status, fields);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = bodyBytesMax - this.#bodyBytes;
    this.#bodyBytes += chunk.length;
    // The client may use the memory of a chunk again, so what is to be searched is copied.
    if (this.#check.body !== '' && room > 0) this.#body.push(Buffer.from(chunk.subarray(0, room)));
    if (this.#bodyBytes <= bodyBytesMax) return;
    this.#finish();
    controller.abort(new Error('the answer is longer than a probe reads'));
  }

  onResponseEnd(): void {
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const finding = findingOf(error);
    // An answer that breaks off has failed; but if its head said so already, that is what to tell.
    this.#report(this.#head === undefined || this.#head.kind === 'pass' ? finding : this.#head);
  }

  #finish(): void {
    const head = this.#head ?? failure('the answer has no head');
    const { body } = this.#check;
    const isMissing = head.kind === 'pass' && body !== '' && !Buffer.concat(this.#body).includes(body);
    this.#report(isMissing ? { kind: 'fail', detail: `the body does not have "${body}"`, words: head.words } : head);
  }
}
