/** Reads the files that a model names, and finds what would keep them from being used. */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { dnsNames } from '../src/core/certificate-names.ts';
import type { Problem } from '../src/core/errors.ts';
import type { CertificateFacts, FileReading } from '../src/core/file-reading.ts';
import { type NamedFiles, pathsOf } from '../src/core/named-files.ts';
import { type FileText, printOf, readText } from './file-access.ts';
import { parseCertificates, parseKey, type PemCertificates, type PemKey } from './pem.ts';
import { quote } from './reading.ts';

type NamedCertificate = Extract<NamedFiles, { kind: 'certificate' }>;
type NamedAuthorities = Extract<NamedFiles, { kind: 'authorities' }>;

/** Never rejects: what cannot be read is a problem. With `texts`, in the order of its paths, these are judged in place of what the disk has now. */
export async function readNamedFiles(named: NamedFiles, texts?: readonly string[]): Promise<FileReading> {
  const read = texts?.map((text): FileText => ({ ok: true, text })) ?? (await Promise.all(pathsOf(named).map((path) => readText(path))));
  return named.kind === 'certificate' ? judgeCertificate(named, read[0]!, read[1]!) : judgeAuthorities(named, read[0]!);
}

/** Differs where the files may hold something else. Never rejects. */
export async function printOfFiles(named: NamedFiles): Promise<string> {
  return (await Promise.all(pathsOf(named).map((path) => printOf(path)))).join(', ');
}

function judgeCertificate(named: NamedCertificate, cert: FileText, key: FileText): FileReading {
  const { certFile, keyFile, certPointer, keyPointer } = named;
  const chain = cert.ok ? parseCertificates(cert.text, certFile) : cert.message;
  const privateKey = key.ok ? parseKey(key.text, keyFile) : key.message;
  const problems: Problem[] = [];
  if (typeof chain === 'string') problems.push({ pointer: certPointer, message: chain });
  if (typeof privateKey === 'string') problems.push({ pointer: keyPointer, message: privateKey });
  const facts = typeof chain === 'string' ? undefined : factsOf(chain.list[0]!);
  if (typeof chain === 'string' || typeof privateKey === 'string') return { named, texts: undefined, problems, warnings: [], facts };

  const misfit = misfitOf(chain, privateKey, named);
  if (misfit !== undefined) return { named, texts: undefined, problems: [misfit], warnings: [], facts };
  return { named, texts: [chain.text, privateKey.text], problems: [], warnings: aboutChain(chain.list, certFile), facts };
}

function judgeAuthorities(named: NamedAuthorities, read: FileText): FileReading {
  const { caFile, caPointer: pointer } = named;
  const certificates = read.ok ? parseCertificates(read.text, caFile) : read.message;
  const found = { named, warnings: [], facts: undefined };
  if (typeof certificates === 'string') return { ...found, texts: undefined, problems: [{ pointer, message: certificates }] };
  if (certificates.list.some(mayHaveSigned)) return { ...found, texts: [certificates.text], problems: [] };
  return { ...found, texts: undefined, problems: [{ pointer, message: notAnAuthority(caFile) }] };
}

/** A certificate that signs itself is trusted for itself, whatever it says of being an authority. */
function mayHaveSigned(certificate: X509Certificate): boolean {
  return certificate.ca || certificate.checkIssued(certificate);
}

function notAnAuthority(file: string): string {
  return `${quote(file)} holds no certificate of an authority, so nothing that it lists can have signed another; name the file of who signs`;
}

/** What is wrong with the two together. */
function misfitOf({ list, text }: PemCertificates, { key, text: keyText }: PemKey, named: NamedCertificate): Problem | undefined {
  const { certFile, keyFile, certPointer, keyPointer } = named;
  if (!list[0]!.checkPrivateKey(key)) {
    const place = list.findIndex((certificate) => certificate.checkPrivateKey(key));
    const hint =
      place > 0
        ? `it belongs to certificate ${place + 1} in it, which must come first`
        : 'name the key that the certificate was made with, or wait until both have been renewed';
    return { pointer: keyPointer, message: `the key in ${quote(keyFile)} is not that of the certificate in ${quote(certFile)}; ${hint}` };
  }
  try {
    createSecureContext({ cert: text, key: keyText });
    return undefined;
  } catch (error) {
    return { pointer: certPointer, message: `${quote(certFile)} and ${quote(keyFile)} cannot be used: ${explainOpenSsl(error)}` };
  }
}

/** What OpenSSL refuses by its security level, in words that say what to do. */
function explainOpenSsl(error: unknown): string {
  const { message, code = '' } = error as Error & { readonly code?: string };
  if (code.endsWith('KEY_TOO_SMALL'))
    return 'a key is too short to be safe; make another certificate, with RSA of at least 2048 bits or with ECDSA';
  if (code.endsWith('MD_TOO_WEAK')) return 'a certificate is signed with a digest that is broken, such as SHA-1; have it issued anew';
  return message;
}

/**
 * The server’s own comes first; of the others, the order does not matter, and roots may be left out (RFC 8446 section 4.4.2). Clients are
 * forgiving to different degrees, so what does not follow from one to the next is worth a word and no more.
 */
function aboutChain(chain: readonly X509Certificate[], file: string): readonly string[] {
  const stray = chain.findIndex((certificate, index) => index > 0 && !chain[index - 1]!.checkIssued(certificate));
  if (stray > 0) {
    const [before, after] = [nameOf(chain[stray - 1]!), nameOf(chain[stray]!)];
    return [
      `In ${quote(file)}, certificate ${stray + 1} (${after}) has not signed the one before it (${before}); some clients want the server’s own first, then who signed it, then who signed that.`,
    ];
  }
  return [];
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    names: dnsNames(certificate.subjectAltName, certificate.subject),
    validFromMs: certificate.validFromDate.getTime(),
    validToMs: certificate.validToDate.getTime(),
    firstDay: dayOf(certificate.validFromDate),
    lastDay: dayOf(certificate.validToDate),
  };
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** Its common name, or the first line of its subject. */
function nameOf({ subject }: X509Certificate): string {
  return quote(/^CN=(.*)$/m.exec(subject)?.[1] ?? subject.split('\n')[0] ?? '');
}
