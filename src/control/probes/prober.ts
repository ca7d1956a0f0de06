import { isIP } from 'node:net';
import type { HealthCheck, SocketAddress } from '../../core/model.ts';
import type { ProbeTls } from './tls.ts';
import type { Finding } from './details.ts';
import { HttpProber } from './http-prober.ts';
import { TcpProber } from './tcp-prober.ts';

/** How one target is probed. It measures no time: whoever starts a probe also ends it when its time is over. */
export interface Prober {
  /** Begins a probe; not while another one runs. Reports once, perhaps before this returns, and not at all after {@link close}. */
  start(report: (finding: Finding) => void): void;
  /** The time is over: reports what is known by now, and leaves nothing open. */
  timeOut(): void;
  close(): void;
}

/**
 * @param name what the document calls the host; the address may be one of several that it has been resolved to
 * @param tls how requests reach the target; undefined = in the clear
 */
export function createProber(written: HealthCheck, address: SocketAddress, name: string, tls: ProbeTls | undefined): Prober {
  const check = spokenCheck(written, address, tls);
  const place = { host: address.host, port: check.port ?? address.port };
  if (check.kind === 'tcp') return new TcpProber(check, place);
  return new HttpProber(check, place, check.host ?? hostField(check, name, place.port), tls);
}

/** A target's own port is asked as requests are: over TLS where they are. On another port, what is written counts. */
function spokenCheck(check: HealthCheck, { port }: SocketAddress, tls: ProbeTls | undefined): HealthCheck {
  const isOwnPort = check.port === undefined || check.port === port;
  return tls !== undefined && isOwnPort && check.kind === 'http' ? { ...check, kind: 'https' } : check;
}

/** A port that goes without saying is not said (RFC 9110, section 7.2). */
function hostField({ kind }: HealthCheck, name: string, port: number): string {
  const host = isIP(name) === 6 ? `[${name}]` : name;
  return port === (kind === 'https' ? 443 : 80) ? host : `${host}:${port}`;
}
