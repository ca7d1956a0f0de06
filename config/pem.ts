/** PEM texts (RFC 7468): the certificates and the key in them, and what is wrong where there are none. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { quote } from './reading.ts';

/** Certificates in their order, and the text of them alone: without byte order marks, keys, and what else may stand around them. */
export interface PemCertificates {
  readonly list: readonly X509Certificate[];
  readonly text: string;
}

const begin = '-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----';
const beginPattern = new RegExp(begin, 'g');
/** What follows a beginning, up to the next: an end that is missing must not be taken from another. */
const blockPattern = new RegExp(`${begin}(?:(?!-----BEGIN )[^])*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----`);

/** A sentence where anything in it cannot be used: half a bundle is no bundle. */
export function parseCertificates(text: string, file: string): PemCertificates | string {
  const places = [...text.matchAll(beginPattern)].map(({ index }) => index);
  if (places.length === 0) return noCertificate(text, file);
  const list: X509Certificate[] = [];
  const blocks: string[] = [];
  for (const [index, place] of places.entries()) {
    const block = blockPattern.exec(text.slice(place, places[index + 1]))?.[0];
    const which = `certificate ${index + 1} in ${quote(file)}`;
    if (block === undefined)
      return `${which} is cut off: its "-----END CERTIFICATE-----" is missing; copy the file again, or wait until it is written`;
    try {
      list.push(new X509Certificate(block));
    } catch {
      return `${which} is damaged; copy the file again from where it was made`;
    }
    blocks.push(block.replaceAll('\r', ''));
  }
  return { list, text: `${blocks.join('\n')}\n` };
}

function noCertificate(text: string, file: string): string {
  const what = `${quote(file)} holds no certificate`;
  if (text.includes('PRIVATE KEY-----')) return `${what} but a key; are the paths of cert and key the wrong way round?`;
  if (text.trim() === '') return `${what}: it is empty`;
  return `${what}; ${expectedPem('CERTIFICATE', text, file, 'openssl x509 -inform der -in FILE')}`;
}

/** A key, and the text of it alone. */
export interface PemKey {
  readonly key: KeyObject;
  readonly text: string;
}

const keyPattern = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:(?!-----BEGIN )[^])*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----/;

/** The first key in it, or what is wrong. */
export function parseKey(text: string, file: string): PemKey | string {
  if (!text.includes('PRIVATE KEY-----')) {
    if (text.includes('CERTIFICATE-----')) {
      return `${quote(file)} holds no key but a certificate; are the paths of cert and key the wrong way round?`;
    }
    if (text.trim() === '') return `${quote(file)} holds no key: it is empty`;
    return `${quote(file)} holds no key; ${expectedPem('PRIVATE KEY', text, file, 'openssl pkey -inform der -in FILE')}`;
  }
  const block = keyPattern.exec(text)?.[0];
  if (/ENCRYPTED/.test(block ?? text)) {
    return `the key in ${quote(file)} is locked with a passphrase, and nobody is there to type it; save it without one, readable for Sluice alone`;
  }
  if (block === undefined) return `the key in ${quote(file)} is cut off; copy the file again, or wait until it is written`;
  try {
    return { key: createPrivateKey(block), text: `${block.replaceAll('\r', '')}\n` };
  } catch {
    return `the key in ${quote(file)} is damaged or of a kind that is not known; copy the file again from where it was made`;
  }
}

/** PFX of PKCS #12 (RFC 7292 section 4): a sequence, whose length has one byte or says how many more it has, and in it first version 3. */
function isPkcs12(text: string, file: string): boolean {
  const length = text.charCodeAt(1);
  const isPfx = text.startsWith('0') && text.startsWith('\u0002\u0001\u0003', length > 0x80 ? 2 + (length & 0x7f) : 2);
  return isPfx || /\.(p12|pfx)$/i.test(file);
}

function expectedPem(label: string, text: string, file: string, fromDer: string): string {
  const expected = `expected PEM, text that begins with "-----BEGIN ${label}-----"`;
  if (isPkcs12(text, file)) {
    return `${expected}; this is PKCS #12 ("openssl pkcs12 -in FILE -noenc" makes certificates and key of it, which may stand in one file)`;
  }
  return `${expected} ("${fromDer}" makes it of DER)`;
}
