/**
 * The header of the PROXY protocol, versions 1 (a line of text) and 2 (binary), from whatever has come of it
 * (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt). Additional data of version 2 (TLVs) is skipped, its checksum too: the
 * header comes from a network that an operator has listed, by TCP, which has one of its own.
 */
import { canonicalAddress } from '../../src/core/address-text.ts';
import { CR, LF } from '../http1/characters.ts';

/** What can be said of the first bytes of a connection. `length` is that of the header: what is behind it belongs to the client. */
export type HeaderReading =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed' }
  /** The connection is made for somebody; the address is in its canonical form. */
  | { readonly kind: 'client'; readonly address: string; readonly length: number }
  /** The sender speaks for itself (a health check), or does not know for whom. */
  | { readonly kind: 'local'; readonly length: number };

/** Version 2, all of it: addresses and additional data. The specification allows 64 KiB; senders need about a hundred bytes. */
export const headerBytesMax = 4096;

export function readProxyHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length === 0) return incomplete;
  return bytes[0] === signature[0] ? readVersion2(bytes) : readVersion1(bytes);
}

const incomplete = { kind: 'incomplete' } as const;
const malformed = { kind: 'malformed' } as const;

// Version 1: section 2.1.

const opening = Uint8Array.from('PROXY ', (character) => character.charCodeAt(0));
/** CRLF included: the longest line that can be right. */
const lineBytesMax = 107;

function readVersion1(bytes: Uint8Array): HeaderReading {
  if (!beginsLike(bytes, opening)) return malformed;
  const lineFeed = bytes.subarray(0, lineBytesMax).indexOf(LF);
  if (lineFeed < 0) return bytes.length < lineBytesMax ? incomplete : malformed;
  if (bytes[lineFeed - 1] !== CR) return malformed;
  return readLine(String.fromCharCode(...bytes.subarray(opening.length, lineFeed - 1)), lineFeed + 1);
}

/** @param text what stands behind `PROXY ` */
function readLine(text: string, length: number): HeaderReading {
  const [family, source, destination, ...ports] = text.split(' ');
  // What follows it is to be ignored.
  if (family === 'UNKNOWN') return { kind: 'local', length };
  if (family !== 'TCP4' && family !== 'TCP6') return malformed;
  const isOfFamily = (address = '') => address.includes(':') === (family === 'TCP6');
  if (!isOfFamily(source) || !isOfFamily(destination) || ports.length !== 2 || !ports.every(isPort)) return malformed;
  const address = addressIn(source!);
  return address === undefined || addressIn(destination!) === undefined ? malformed : { kind: 'client', address, length };
}

/** A zone is of no use to another machine. */
function addressIn(text: string): string | undefined {
  return text.includes('%') ? undefined : canonicalAddress(text);
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

// Version 2: section 2.2.

const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
/** Signature, version and command, family and transport, length. */
const fixedBytes = 16;
/** Of both addresses and both ports. */
const addressBytes = { ipv4: 12, ipv6: 36, unix: 216 } as const;

function readVersion2(bytes: Uint8Array): HeaderReading {
  if (!beginsLike(bytes, signature)) return malformed;
  if (bytes.length < fixedBytes) return incomplete;
  const command = bytes[12]!;
  const family = bytes[13]! >>> 4;
  const transport = bytes[13]! & 0x0f;
  const length = fixedBytes + ((bytes[14]! << 8) | bytes[15]!);
  if ((command !== 0x20 && command !== 0x21) || family > 3 || transport > 2 || length > headerBytesMax) return malformed;
  if (bytes.length < length) return incomplete;
  return command === 0x20 ? { kind: 'local', length } : readAddress(bytes, family, length);
}

function readAddress(bytes: Uint8Array, family: number, length: number): HeaderReading {
  const room = length - fixedBytes;
  switch (family) {
    case 1: {
      if (room < addressBytes.ipv4) return malformed;
      return { kind: 'client', address: bytes.subarray(fixedBytes, fixedBytes + 4).join('.'), length };
    }
    case 2: {
      if (room < addressBytes.ipv6) return malformed;
      const groups = Array.from({ length: 8 }, (_, index) => (bytes[fixedBytes + 2 * index]! << 8) | bytes[fixedBytes + 2 * index + 1]!);
      return { kind: 'client', address: canonicalAddress(groups.map((group) => group.toString(16)).join(':'))!, length };
    }
    default:
      // Unspecified, or a socket in the file system of another machine: nobody whom an address could name.
      return family === 3 && room < addressBytes.unix ? malformed : { kind: 'local', length };
  }
}

/** Whether the bytes, as far as they go, are these. */
function beginsLike(bytes: Uint8Array, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length && index < bytes.length; index++) {
    if (bytes[index] !== expected[index]) return false;
  }
  return true;
}
