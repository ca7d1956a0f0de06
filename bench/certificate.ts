import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createAuthority } from '../test/support/certificates.ts';

/** The one that Node's servers choose of what OpenSSL offers; all peers are held to it. */
export const cipher = 'TLS_AES_256_GCM_SHA384';

/** Where a peer finds its certificate (P-256) and key, and both in one file. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly both: string;
}

export function writeCertificate(dir: string): CertificateFiles {
  const { cert, key } = createAuthority('bench').issue();
  const files = { cert: path.join(dir, 'cert.pem'), key: path.join(dir, 'key.pem'), both: path.join(dir, 'both.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  writeFileSync(files.both, cert + key, { mode: 0o600 });
  return files;
}
