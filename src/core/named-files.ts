/** The files that a model names: certificates with their keys, and authorities. What they hold is no part of a revision; where they are is. */
import { childPointer, isJsonObject, ownValue, type Json, type JsonObject } from './json.ts';
import type { CertificateFiles, Model } from './model.ts';

/** One certificate with its key, or one list of authorities, and who needs it. */
export type NamedFiles =
  | (CertificateFiles & {
      readonly kind: 'certificate';
      /** The place in the document, as JSON pointers: of what needs it, and of the two paths. */
      readonly owner: string;
      readonly certPointer: string;
      readonly keyPointer: string;
    })
  | { readonly kind: 'authorities'; readonly caFile: string; readonly owner: string; readonly caPointer: string };

/** In the order of the document. */
export function namedFiles(document: JsonObject, model: Model): NamedFiles[] {
  return [...listenersFiles(document, model), ...poolsFiles(model)];
}

/** Files that are read and used together. */
type Together = CertificateFiles | { readonly caFile: string };

export function pathsOf(files: Together): readonly string[] {
  return 'caFile' in files ? [files.caFile] : [files.certFile, files.keyFile];
}

/** The same for two that mean the same files in the same way, whoever needs them. */
export function identityOf(files: Together): string {
  return JSON.stringify(pathsOf(files));
}

function listenersFiles(document: JsonObject, { listeners }: Model): NamedFiles[] {
  const written = ownValue(document, 'listeners');
  return listeners.flatMap(({ tls }, index): NamedFiles[] => {
    if (tls === undefined) return [];
    const owner = `/listeners/${index}/tls`;
    const isList = hasCertificateList(Array.isArray(written) ? written[index] : undefined);
    const certificates = tls.certificates.map((files, place) =>
      certificateAt(files, owner, isList ? `${owner}/certificates/${place}` : owner),
    );
    if (tls.clients === undefined) return certificates;
    return [...certificates, { kind: 'authorities', caFile: tls.clients.caFile, owner, caPointer: `${owner}/clients/ca` }];
  });
}

/** A listener's one certificate may be written without the list around it. */
function hasCertificateList(listener: Json | undefined): boolean {
  const tls = isJsonObject(listener) ? ownValue(listener, 'tls') : undefined;
  return isJsonObject(tls) && ownValue(tls, 'certificates') !== undefined;
}

function poolsFiles({ services }: Model): NamedFiles[] {
  return services.flatMap(({ id, pools }) =>
    pools.flatMap((pool): NamedFiles[] => {
      const owner = `${childPointer(`${childPointer('/services', id)}/pools`, pool.id)}/tls`;
      const { certificate, caFile } = pool.tls;
      const certificates = certificate === undefined ? [] : [certificateAt(certificate, owner, owner)];
      return caFile === undefined ? certificates : [...certificates, { kind: 'authorities', caFile, owner, caPointer: `${owner}/ca` }];
    }),
  );
}

function certificateAt({ certFile, keyFile }: CertificateFiles, owner: string, at: string): NamedFiles {
  return { kind: 'certificate', certFile, keyFile, owner, certPointer: `${at}/cert`, keyPointer: `${at}/key` };
}
