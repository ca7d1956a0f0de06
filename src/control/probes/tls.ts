import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { TargetTls } from '../../core/model.ts';
import { identityOf } from '../../core/named-files.ts';
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
  const { verify, caFile, certificate } = tls;
  const ca = caFile === undefined ? undefined : (files.get(identityOf({ caFile }))?.[0] ?? '');
  const [cert, key] = certificate === undefined ? [] : (files.get(identityOf(certificate)) ?? ['', '']);
  return { serverName, verify, ca, cert, key };
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
    ...(ca !== undefined && { ca: ca === '' ? [] : ca, allowPartialTrustChain: true }),
    ...(cert !== undefined && cert !== '' && { cert }),
    ...(key !== undefined && key !== '' && { key }),
  };
}
