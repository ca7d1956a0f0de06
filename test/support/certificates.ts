/**
 * Certificates made at test time: X.509 version 3 (RFC 5280) in DER, with keys on P-256 and signatures by ECDSA with SHA-256. Node can make
 * keys and signatures but no certificates, and no test should need a program that a machine may not have.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { identityOf } from '../../src/core/named-files.ts';

/** A certificate and its key, both as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** DNS names and IP addresses that it is for. Default: `localhost` and 127.0.0.1. */
  readonly names?: readonly string[];
  /** Default: the first name. */
  readonly commonName?: string;
  /** Default: from a day ago, for a year. */
  readonly validFrom?: Date;
  readonly validTo?: Date;
}

export interface Authority extends Issued {
  /** A certificate that this authority signs, for servers and for clients. */
  issue(options?: LeafOptions): Issued;
  /** An authority under this one: a chain is its certificate behind that of the leaf. */
  subordinate(commonName: string): Authority;
}

/** A root that signs itself. */
export function createAuthority(commonName = 'Test authority'): Authority {
  const keys = newKeys();
  return authorityOf(commonName, keys, build(commonName, keys.publicKey, { commonName, key: keys.privateKey }, { isAuthority: true }));
}

export const dayMs = 86_400_000;

/** An entry of what a snapshot says of files: a certificate with its key. */
export function pairText(certFile: string, keyFile: string, { cert, key }: Issued): [string, readonly string[]] {
  return [identityOf({ certFile, keyFile }), [cert, key]];
}

/** The same for a list of authorities. */
export function authoritiesText(caFile: string, ...certs: readonly string[]): [string, readonly string[]] {
  return [identityOf({ caFile }), [certs.join('')]];
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Signer {
  readonly commonName: string;
  readonly key: KeyObject;
}

function authorityOf(commonName: string, { privateKey }: Keys, cert: string): Authority {
  const signer = { commonName, key: privateKey };
  return {
    cert,
    key: pemOf(privateKey),
    issue(options = {}) {
      const keys = newKeys();
      const { names = ['localhost', '127.0.0.1'] } = options;
      const subject = options.commonName ?? names[0] ?? 'nobody';
      return { cert: build(subject, keys.publicKey, signer, { ...options, names }), key: pemOf(keys.privateKey) };
    },
    subordinate(name) {
      const keys = newKeys();
      return authorityOf(name, keys, build(name, keys.publicKey, signer, { isAuthority: true }));
    },
  };
}

function newKeys(): Keys {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

interface Contents extends LeafOptions {
  readonly isAuthority?: boolean;
}

function build(commonName: string, subjectKey: KeyObject, signer: Signer, contents: Contents): string {
  const { validFrom = new Date(Date.now() - dayMs), validTo = new Date(Date.now() + 365 * dayMs) } = contents;
  const algorithm = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const toBeSigned = sequence(
    element(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    nameOf(signer.commonName),
    sequence(time(validFrom), time(validTo)),
    nameOf(commonName),
    createPublicKey(subjectKey.export({ type: 'spki', format: 'pem' })).export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions(contents))),
  );
  const signature = sign('sha256', toBeSigned, signer.key);
  const der = sequence(toBeSigned, algorithm, element(0x03, Buffer.concat([Buffer.of(0), signature])));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

/** Basic constraints, and what it is for (RFC 5280 sections 4.2.1.9, 4.2.1.3, 4.2.1.6 and 4.2.1.12). */
function extensions({ isAuthority = false, names = [] }: Contents): Buffer[] {
  const isCritical = element(0x01, Buffer.of(0xff));
  const extension = (id: Buffer, value: Buffer, ...critical: Buffer[]) => sequence(id, ...critical, element(0x04, value));
  if (isAuthority) {
    const mayBe = sequence(element(0x01, Buffer.of(0xff)));
    const signs = element(0x03, Buffer.of(1, 0b0000_0110));
    return [extension(objectId(0x55, 0x1d, 0x13), mayBe, isCritical), extension(objectId(0x55, 0x1d, 0x0f), signs, isCritical)];
  }
  const purposes = sequence(...[1, 2].map((purpose) => objectId(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, purpose)));
  const found = [extension(objectId(0x55, 0x1d, 0x13), sequence()), extension(objectId(0x55, 0x1d, 0x25), purposes)];
  if (names.length > 0) found.push(extension(objectId(0x55, 0x1d, 0x11), sequence(...names.map(alternativeName))));
  return found;
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 0) return element(0x82, Buffer.from(name, 'latin1'));
  if (isIP(name) === 4) return element(0x87, Buffer.from(name.split('.').map(Number)));
  const [front = '', back = ''] = name.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const zeros = Array.from({ length: 8 - groups(front).length - groups(back).length }, () => '0');
  const all = [...groups(front), ...(name.includes('::') ? zeros : []), ...groups(back)];
  return element(0x87, Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex'));
}

function nameOf(commonName: string): Buffer {
  return sequence(element(0x31, sequence(objectId(0x55, 0x04, 0x03), element(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime is for years from 2050 on, UTCTime for those before (RFC 5280 section 4.1.2.5). */
function time(date: Date): Buffer {
  const digits = `${date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

function sequence(...members: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(members));
}

function integer(bytes: Buffer): Buffer {
  return element(0x02, bytes);
}

/** The bytes of an object identifier, as they are encoded. */
function objectId(...bytes: readonly number[]): Buffer {
  return element(0x06, Buffer.from(bytes));
}

/** Tag, length, contents (X.690 section 8.1). */
function element(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), contents]);
}
