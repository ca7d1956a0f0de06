/** What the schema cannot say of `tls` on a listener. What stands in the files is another matter: see `certificate-files.ts`. */
import type { Findings } from './findings.ts';
import { quote } from './reading.ts';
import type { ListenerDocument } from './schema.ts';
import type { Salvaged } from './shape.ts';

export function checkTls({ tls, redirectToHttps }: Salvaged<ListenerDocument>, pointer: string, findings: Findings): void {
  if (tls === undefined) return;
  const at = `${pointer}/tls`;
  if (redirectToHttps !== undefined && redirectToHttps !== false) {
    findings.add(
      `${pointer}/redirectToHttps`,
      'a listener with tls would redirect to itself for ever; put it on a listener without tls',
      'key',
    );
  }
  if ('certificates' in tls) checkList(tls, at, findings);
  else if (!('cert' in tls) && !('key' in tls)) {
    findings.add(at, 'the certificate is missing; add "cert" and "key", or a list of "certificates"', 'key');
  } else if (!('cert' in tls) || !('key' in tls)) {
    const [given, missing] = 'cert' in tls ? ['cert', 'key'] : ['key', 'cert'];
    findings.add(at, `"${given}" is given without "${missing}"; a certificate is of no use without its key, so name both`, 'key');
  }
}

function checkList(tls: NonNullable<Salvaged<ListenerDocument>['tls']>, at: string, findings: Findings): void {
  for (const key of ['cert', 'key'] as const) {
    if (key in tls) findings.add(`${at}/${key}`, `"${key}" beside "certificates" would be one too many; move it into the list`, 'key');
  }
  const firstAt = new Map<string, number>();
  for (const [index, certificate] of (tls.certificates ?? []).entries()) {
    const file = certificate?.cert;
    if (file === undefined) continue;
    const earlier = firstAt.get(file);
    if (earlier === undefined) firstAt.set(file, index);
    else findings.add(`${at}/certificates/${index}/cert`, `${quote(file)} is number ${earlier + 1} of the list already; remove one`);
  }
}
