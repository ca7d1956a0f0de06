/** Reads the files that a model names, and finds what would keep them from being used. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { dnsNames } from '../src/core/certificate-names.ts';
import type { Problem } from '../src/core/errors.ts';
import type { CertificateFacts, FileReading } from '../src/core/file-reading.ts';
import type { NamedFiles } from '../src/core/named-files.ts';
import type { FileTexts } from '../src/core/snapshot.ts';
import { explainReadError } from './read-error.ts';
import { quote } from './reading.ts';

/** All authorities of a system are a quarter of this; what is longer is no file of certificates. */
const bytesMax = 1024 * 1024;

/** Never rejects: what cannot be read is a problem. With `texts`, by path, these are judged in place of what the disk has now. */
export async function readNamedFiles(named: NamedFiles, texts?: FileTexts): Promise<FileReading> {
  const read = texts === undefined ? readText : async (path: string) => textIn(texts, path);
  return named.kind === 'certificate' ? readCertificate(named, read) : readAuthorities(named, read);
}

type Text = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };
type Read = (path: string) => Promise<Text>;

async function readCertificate(named: Extract<NamedFiles, { kind: 'certificate' }>, read: Read): Promise<FileReading> {
  const { certFile, keyFile, certPointer, keyPointer } = named;
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  const problems: Problem[] = [];
  const chain = cert.ok ? readChain(cert.text, certFile) : cert.message;
  const privateKey = key.ok ? readKey(key.text, keyFile) : key.message;
  if (typeof chain === 'string') problems.push({ pointer: certPointer, message: chain });
  if (typeof privateKey === 'string') problems.push({ pointer: keyPointer, message: privateKey });
  const facts = typeof chain === 'string' ? undefined : factsOf(chain[0]!);
  if (typeof chain === 'string' || typeof privateKey === 'string' || !cert.ok || !key.ok)
    return { named, texts: new Map(), problems, facts };

  const misfit = misfitOf(chain, privateKey, { cert: cert.text, key: key.text }, named);
  if (misfit !== undefined) return { named, texts: new Map(), problems: [misfit], facts };
  return {
    named,
    texts: new Map([
      [certFile, cert.text],
      [keyFile, key.text],
    ]),
    problems: [],
    facts,
  };
}

async function readAuthorities(named: Extract<NamedFiles, { kind: 'authorities' }>, readFile: Read): Promise<FileReading> {
  const { caFile, caPointer: pointer } = named;
  const read = await readFile(caFile);
  const certificates = read.ok ? parseCertificates(read.text, caFile) : read.message;
  const message = typeof certificates === 'string' ? certificates : certificates.some(mayHaveSigned) ? undefined : notAnAuthority(caFile);
  const problems = message === undefined ? [] : [{ pointer, message }];
  return { named, texts: problems.length === 0 && read.ok ? new Map([[caFile, read.text]]) : new Map(), problems, facts: undefined };
}

/** A certificate that signs itself is trusted for itself, whatever it says of being an authority. */
function mayHaveSigned(certificate: X509Certificate): boolean {
  return certificate.ca || certificate.checkIssued(certificate);
}

function notAnAuthority(file: string): string {
  return `${quote(file)} holds no certificate of an authority, so nothing that it lists can have signed another; name the file of who signs`;
}

/** The certificates in a text, the first of which is what is shown, or what is wrong. */
function readChain(text: string, file: string): readonly X509Certificate[] | string {
  const chain = parseCertificates(text, file);
  if (typeof chain === 'string') return chain;
  const broken = chain.findIndex((certificate, index) => index > 0 && !chain[index - 1]!.checkIssued(certificate));
  if (broken < 0) return chain;
  const [before, after] = [nameOf(chain[broken - 1]!), nameOf(chain[broken]!)];
  return (
    `certificate ${broken + 1} in ${quote(file)} (${after}) has not signed the one before it (${before}); ` +
    'write the server’s own first, then who signed it, then who signed that'
  );
}

function parseCertificates(text: string, file: string): X509Certificate[] | string {
  const blocks = text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^]*?-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return noCertificate(text, file);
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return `certificate ${certificates.length + 1} in ${quote(file)} is damaged; copy the file again from where it was made`;
    }
  }
  return certificates;
}

function noCertificate(text: string, file: string): string {
  const what = `${quote(file)} holds no certificate`;
  if (text.includes('PRIVATE KEY-----')) return `${what} but a key; are the paths of cert and key the wrong way round?`;
  if (text.trim() === '') return `${what}: it is empty`;
  return `${what}; expected PEM, text that begins with "-----BEGIN CERTIFICATE-----" ("openssl x509 -inform der -in FILE" makes it of DER)`;
}

function readKey(text: string, file: string): KeyObject | string {
  if (!text.includes('PRIVATE KEY-----')) {
    const found = text.includes('BEGIN CERTIFICATE-----') ? ' but a certificate; are the paths of cert and key the wrong way round?' : '';
    return `${quote(file)} holds no key${found === '' ? '; expected PEM, text that begins with "-----BEGIN PRIVATE KEY-----"' : found}`;
  }
  if (/ENCRYPTED/.test(text)) {
    return `the key in ${quote(file)} is locked with a passphrase, and nobody is there to type it; save it without one, readable for Sluice alone`;
  }
  try {
    return createPrivateKey(text);
  } catch {
    return `the key in ${quote(file)} is damaged or of a kind that is not known; copy the file again from where it was made`;
  }
}

/** What is wrong with the two together. */
function misfitOf(
  chain: readonly X509Certificate[],
  key: KeyObject,
  texts: { readonly cert: string; readonly key: string },
  { certFile, keyFile, certPointer, keyPointer }: Extract<NamedFiles, { kind: 'certificate' }>,
): Problem | undefined {
  if (!chain[0]!.checkPrivateKey(key)) {
    const place = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
    const hint =
      place > 0
        ? `it belongs to certificate ${place + 1} in it, which must come first`
        : 'name the key that the certificate was made with, or wait until both have been renewed';
    return { pointer: keyPointer, message: `the key in ${quote(keyFile)} is not that of the certificate in ${quote(certFile)}; ${hint}` };
  }
  try {
    createSecureContext(texts);
    return undefined;
  } catch (error) {
    return { pointer: certPointer, message: `${quote(certFile)} and ${quote(keyFile)} cannot be used: ${(error as Error).message}` };
  }
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

function textIn(texts: FileTexts, path: string): Text {
  const text = texts.get(path);
  return text === undefined ? { ok: false, message: `nothing is known of ${quote(path)}` } : { ok: true, text };
}

async function readText(path: string): Promise<Text> {
  try {
    // Without blocking: to open a named pipe would wait for somebody to write to it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return { ok: false, message: `cannot read ${quote(path)}: it is no ordinary file; name a file` };
      if (stats.size > bytesMax)
        return { ok: false, message: `${quote(path)} is larger than 1 MiB, so it is no file of certificates or keys` };
      return { ok: true, text: await file.readFile('latin1') };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { ok: false, message: `cannot read ${quote(path)}: ${explainReadError(error)}` };
  }
}
