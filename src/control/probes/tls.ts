import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { TargetTls } from '../../core/model.ts';
import type { CompiledTarget, FileTexts } from '../../core/snapshot.ts';

/** How requests reach a target over TLS, as plain data: a probe begins anew where any of it has changed. */
export interface ProbeTls {
  readonly serverName: string;
  readonly verify: boolean;
  /** Texts in PEM. Undefined: whom Node trusts, and nothing is shown. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export function probeTlsOf({ serverName }: CompiledTarget, tls: TargetTls, files: FileTexts): ProbeTls | undefined {
  if (serverName === undefined) return undefined;
  // A file that has not been read trusts nobody, as with requests.
  const textOf = (path: string | undefined): string | undefined => (path === undefined ? undefined : (files.get(path) ?? ''));
  const { verify, caFile, certificate } = tls;
  return { serverName, verify, ca: textOf(caFile), cert: textOf(certificate?.certFile), key: textOf(certificate?.keyFile) };
}

/** @param verify whether the probe itself wants certificates to be valid */
export function tlsOptions(tls: ProbeTls | undefined, verify: boolean): ConnectionOptions {
  if (tls === undefined) return { rejectUnauthorized: verify };
  const { serverName, ca, cert, key } = tls;
  return {
    servername: isIP(serverName) === 0 ? serverName : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    rejectUnauthorized: verify && tls.verify,
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca: ca === '' ? [] : ca }),
    ...(cert !== undefined && cert !== '' && { cert }),
    ...(key !== undefined && key !== '' && { key }),
  };
}
