import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import * as fc from 'fast-check';
import { describe, expect, test, type TestContext, vi } from 'vitest';
import { headerBytesMax, readProxyHeader } from '../../proxy/entrance/proxy-header-parse.ts';
import { type ProxyHeader, takeProxyHeader } from '../../proxy/entrance/proxy-header.ts';
import type { ListenerTls } from '../../src/core/model.ts';
import { createAuthority, pairText } from '../support/certificates.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { fieldOf, type Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const signature = '0d0a0d0a000d0a515549540a';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** A header of version 2: command and family as the two bytes of the specification, then what stands behind the length. */
function version2(command: number, family: number, rest: Buffer, announced = rest.length): Buffer {
  return Buffer.concat([Buffer.from(signature, 'hex'), Buffer.of(command, family, announced >> 8, announced & 255), rest]);
}

const ports = '30390050';
const ipv4 = Buffer.from(`c0000201c6336402${ports}`, 'hex');
const ipv6 = Buffer.from(`${'20010db8'.padEnd(31, '0')}1${'0'.repeat(31)}2${ports}`, 'hex');
const mapped = Buffer.from(`${'0'.repeat(20)}ffffc0000201${'0'.repeat(31)}2${ports}`, 'hex');
const tlvs = Buffer.from('03000400000000040003616263', 'hex');

const valid: readonly (readonly [string, Buffer, ProxyHeader])[] = [
  ['v1, IPv4', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 12345 80\r\n'), { kind: 'client', address: '192.0.2.1' }],
  ['v1, smallest and largest ports', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 0 65535\r\n'), { kind: 'client', address: '192.0.2.1' }],
  ['v1, IPv6 as it should be written', latin1('PROXY TCP6 2001:db8::1 ::1 12345 80\r\n'), { kind: 'client', address: '2001:db8::1' }],
  ['v1, IPv6 written out', latin1('PROXY TCP6 2001:0DB8:0:0:0:0:0:1 ::1 1 80\r\n'), { kind: 'client', address: '2001:db8::1' }],
  ['v1, IPv4 in IPv6', latin1('PROXY TCP6 ::ffff:192.0.2.1 ::1 12345 80\r\n'), { kind: 'client', address: '192.0.2.1' }],
  ['v1, unknown', latin1('PROXY UNKNOWN\r\n'), { kind: 'local' }],
  ['v1, unknown with something', latin1('PROXY UNKNOWN ffff::1 x y z\r\n'), { kind: 'local' }],
  ['v1, as long as it may be', latin1(`PROXY UNKNOWN ${'x'.repeat(107 - 16)}\r\n`), { kind: 'local' }],
  ['v2, IPv4', version2(0x21, 0x11, ipv4), { kind: 'client', address: '192.0.2.1' }],
  ['v2, IPv4 over UDP in front', version2(0x21, 0x12, ipv4), { kind: 'client', address: '192.0.2.1' }],
  ['v2, IPv4 and TLVs', version2(0x21, 0x11, Buffer.concat([ipv4, tlvs])), { kind: 'client', address: '192.0.2.1' }],
  ['v2, IPv6', version2(0x21, 0x21, ipv6), { kind: 'client', address: '2001:db8::1' }],
  ['v2, IPv4 in IPv6', version2(0x21, 0x21, mapped), { kind: 'client', address: '192.0.2.1' }],
  ['v2, a socket in a file system', version2(0x21, 0x31, Buffer.alloc(216)), { kind: 'local' }],
  ['v2, unspecified', version2(0x21, 0x00, Buffer.alloc(0)), { kind: 'local' }],
  ['v2, unspecified with TLVs', version2(0x21, 0x00, tlvs), { kind: 'local' }],
  ['v2, LOCAL', version2(0x20, 0x00, Buffer.alloc(0)), { kind: 'local' }],
  ['v2, LOCAL with addresses', version2(0x20, 0x11, ipv4), { kind: 'local' }],
  [
    'v2, as long as it may be',
    version2(0x21, 0x11, Buffer.concat([ipv4, Buffer.alloc(headerBytesMax - 28)])),
    { kind: 'client', address: '192.0.2.1' },
  ],
];

const malformed: readonly (readonly [string, Buffer])[] = [
  ['a request', latin1('GET / HTTP/1.1\r\n')],
  ['a TLS handshake', Buffer.from('1603010200', 'hex')],
  ['lower case', latin1('proxy TCP4 ')],
  ['no space', latin1('PROXYTCP4')],
  ['another family', latin1('PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n')],
  ['no family', latin1('PROXY \r\n')],
  ['a bare LF', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n')],
  ['two spaces', latin1('PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n')],
  ['too few words', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n')],
  ['no addresses', latin1('PROXY TCP4\r\n')],
  ['too many words', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n')],
  ['a space at the end', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n')],
  ['an address of the other family', latin1('PROXY TCP4 2001:db8::1 198.51.100.2 1 2\r\n')],
  ['a destination of the other family', latin1('PROXY TCP6 2001:db8::1 198.51.100.2 1 2\r\n')],
  ['no address', latin1('PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n')],
  ['no destination', latin1('PROXY TCP4 192.0.2.1 198.51.100 1 2\r\n')],
  ['a zone', latin1('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
  ['a leading zero', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n')],
  ['a port that is none', latin1('PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n')],
  ['a line that is too long', latin1(`PROXY UNKNOWN ${'x'.repeat(107 - 15)}\r\n`)],
  ['a line without end', latin1(`PROXY UNKNOWN ${'x'.repeat(107 - 14)}`)],
  ['version 3', version2(0x31, 0x11, ipv4)],
  ['another command', version2(0x22, 0x11, ipv4)],
  ['another family, v2', version2(0x21, 0x41, ipv4)],
  ['another transport', version2(0x21, 0x13, ipv4)],
  ['too little room for IPv4', version2(0x21, 0x11, ipv4.subarray(1))],
  ['too little room for IPv6', version2(0x21, 0x21, ipv6.subarray(1))],
  ['too little room for a path', version2(0x21, 0x31, Buffer.alloc(215))],
  ['more than is read', version2(0x21, 0x11, ipv4, headerBytesMax - 15)],
];

describe('a header', () => {
  test.each(valid)('is understood: %s', (_, bytes, header) => {
    expect(readProxyHeader(bytes)).toEqual({ ...header, length: bytes.length });
  });

  test.each(malformed)('is refused: %s', (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: 'malformed' });
  });

  test.each(valid)('ends where it ends, and is incomplete before, wherever it is split: %s', (_, bytes, header) => {
    for (let end = 0; end < bytes.length; end++) expect(readProxyHeader(bytes.subarray(0, end)).kind).toBe('incomplete');
    for (const behind of ['GET / HTTP/1.1\r\n', '\r\n', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n', '\0'.repeat(5000)]) {
      expect(readProxyHeader(Buffer.concat([bytes, latin1(behind)]))).toEqual({ ...header, length: bytes.length });
    }
  });

  test('is found or refused by its first 4096 bytes, whatever they are, and never throws', () => {
    const opening = fc.constantFrom(
      latin1(''),
      latin1('PROXY '),
      latin1('PROXY TCP4 '),
      Buffer.from(signature, 'hex'),
      version2(0x21, 0x11, ipv4),
    );
    fc.assert(
      fc.property(opening, fc.uint8Array({ maxLength: 200 }), fc.nat(4000), (begin, noise, more) => {
        const bytes = Buffer.concat([begin, noise]);
        const reading = readProxyHeader(bytes);
        // What is refused stays refused, and what was found is not found otherwise, when more comes.
        const longer = readProxyHeader(Buffer.concat([bytes, Buffer.alloc(more, 'x')]));
        if (reading.kind !== 'incomplete') expect(longer).toEqual(reading);
        expect(readProxyHeader(Buffer.concat([bytes, Buffer.alloc(headerBytesMax, 'x')])).kind).not.toBe('incomplete');
      }),
    );
  });
});

/** A server that takes the header from its one connection; the client writes each of `parts` when the one before has been read. */
async function take(t: TestContext, parts: readonly Buffer[]): Promise<{ socket: Socket; header: ProxyHeader }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  t.onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.onTestFinished(() => void socket.destroy());
  const { promise, resolve } = Promise.withResolvers<ProxyHeader>();
  let calls = 0;
  takeProxyHeader(socket, (header) => {
    expect(++calls).toBe(1);
    resolve(header);
  });
  let sent = 0;
  for (const [index, part] of parts.entries()) {
    client.write(part);
    sent += part.length;
    // The last may bring more than is read.
    while (index < parts.length - 1 && socket.bytesRead < sent) await new Promise((done) => void setImmediate(done));
  }
  return { socket, header: await promise };
}

const line = latin1('PROXY TCP4 192.0.2.1 198.51.100.2 12345 80\r\n');

/** Encrypts a connection. The header is held back until the handshake's first bytes are there, so that they leave together. */
function connectBehind(socket: Socket, header: Buffer): TLSSocket {
  socket.cork();
  socket.write(header);
  const secured = connectTls({ socket, rejectUnauthorized: false });
  setImmediate(() => socket.uncork());
  return secured;
}

describe('taking a header from a connection', () => {
  const behind = latin1('behind');

  test.for([
    ['at once', [Buffer.concat([line, behind])]],
    ['byte by byte', [...[...line].map((byte) => Buffer.of(byte)), behind]],
    ['in two pieces', [line.subarray(0, 20), Buffer.concat([line.subarray(20), behind])]],
  ] as const)('leaves what is behind it to whoever reads next, where it comes %s', async ([, parts], t) => {
    const { socket, header } = await take(t, parts);
    expect(header).toMatchObject({ kind: 'client', address: '192.0.2.1' });
    expect(socket.isPaused()).toBe(true);
    const read = once(socket, 'data');
    socket.resume();
    expect(String((await read)[0])).toBe('behind');
  });

  test('leaves a TLS handshake to the TLS socket that wraps the connection, if both come together', async (t) => {
    const { cert, key } = createAuthority().issue();
    const server = createTlsServer({ cert, key }, (secured) => secured.end('secret'));
    const front = createServer({ pauseOnConnect: true }, (socket) => {
      t.onTestFinished(() => void socket.destroy());
      takeProxyHeader(socket, () => server.emit('connection', socket));
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const client = connect((front.address() as AddressInfo).port, '127.0.0.1');
    t.onTestFinished(() => {
      client.destroy();
      front.close();
    });
    await once(client, 'connect');
    const secured = connectBehind(client, line);
    expect(String((await once(secured, 'data'))[0])).toBe('secret');
  });
});

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A proxy whose clients' headers are read, and a target that keeps the heads that it got. */
async function startPair(t: TestContext, options: ProxyOptions = {}) {
  const heads: string[] = [];
  const target = await startRawTarget(t, (peer) =>
    peer.socket.on('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'));
      peer.send(answer);
    }),
  );
  const proxy = await startProxy(t, { pools: { blue: [target] }, listener: { proxyProtocol: ['127.0.0.0/8'] }, ...options });
  return { proxy, heads };
}

describe('a listener with proxyProtocol', () => {
  test.for([
    ['with the header', (peer: Peer) => peer.send(Buffer.concat([line, latin1(get)]))],
    [
      'after it',
      async (peer: Peer, proxy: TestProxy) => {
        peer.send(line);
        await vi.waitFor(() => expect(proxy.report().connections).toBe(1));
        peer.send(get);
      },
    ],
  ] as const)('serves whom the header names: the request comes %s', async ([, send], t) => {
    const { proxy, heads } = await startPair(t);
    const client = await proxy.connect();
    await send(client, proxy);
    expect((await client.answer()).body).toBe('ok');
    expect((await client.ask('GET /again HTTP/1.1')).body).toBe('ok');
    expect(heads.map((head) => fieldOf(head, 'x-forwarded-for'))).toEqual(['192.0.2.1', '192.0.2.1']);
    expect(proxy.lines.map((logged) => logged.client)).toEqual(['192.0.2.1', '192.0.2.1']);
  });

  test('serves a balancer that speaks for itself under its own address', async (t) => {
    const { proxy } = await startPair(t);
    const client = await proxy.connect();
    client.send(Buffer.concat([version2(0x20, 0, Buffer.alloc(0)), latin1(get)]));
    await client.answer();
    expect(proxy.lines[0]!.client).toBe('127.0.0.1');
  });

  test('reads a request whose body comes in pieces behind the header', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, listener: { proxyProtocol: ['127.0.0.0/8'] } });
    const client = await proxy.connect();
    client.send(Buffer.concat([line, latin1('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc')]));
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\nabc');
    client.send('def');
    await peer.contains('\r\n\r\nabcdef');
    peer.send(answer);
    expect((await client.answer()).body).toBe('ok');
  });

  test('counts a client who is named against the limit per client, and others not', async (t) => {
    const { proxy } = await startPair(t, { limits: { connectionsPerClient: 1 } });
    const open = async (address: string) => {
      const client = await proxy.connect();
      client.send(`PROXY TCP4 ${address} 198.51.100.2 1 2\r\n${get}`);
      return client.answer();
    };
    expect((await open('192.0.2.1')).status).toBe(200);
    expect((await open('192.0.2.1')).status).toBe(503);
    expect((await open('192.0.2.2')).status).toBe(200);
    proxy.countTurnedAway();
  });

  test('closes a connection without the header, says nothing, and counts it', async (t) => {
    const { proxy, heads } = await startPair(t);
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    expect([client.text, heads]).toEqual(['', []]);
    expect(proxy.report().terminations).toEqual({ proxy_header_malformed: 1 });
    proxy.countTurnedAway(1, 'proxy_header_malformed');
  });

  test('closes a connection whose header is late, and one that leaves before it was whole', async (t) => {
    const { proxy } = await startPair(t, { listenerTimeouts: { headMs: 100 } });
    const [late, leaving] = [await proxy.connect(), await proxy.connect()];
    late.send('PROXY TCP4 ');
    leaving.send('PROXY TCP4 ');
    leaving.end();
    await Promise.all([late.ended, leaving.ended]);
    expect([late.text, leaving.text]).toEqual(['', '']);
  });

  test('takes the header of a network that is not listed for a malformed request', async (t) => {
    const { proxy } = await startPair(t, { listener: { proxyProtocol: ['192.0.2.0/24'] } });
    const client = await proxy.connect();
    client.send(Buffer.concat([line, latin1(get)]));
    expect((await client.answer()).status).toBe(400);
    expect(proxy.lines[0]).toMatchObject({ cause: 'malformed_request', client: '127.0.0.1' });
    expect((await (await proxy.connect()).ask('GET / HTTP/1.1')).status).toBe(200);
  });

  test('reads the header before the handshake of an encrypted connection, also if both come together', async (t) => {
    const tls: ListenerTls = { certificates: [{ certFile: 'c', keyFile: 'k' }], minVersion: '1.2', clients: undefined };
    const files = new Map([pairText('c', 'k', createAuthority().issue())]);
    const { proxy, heads } = await startPair(t, {
      listener: { tls, proxyProtocol: ['127.0.0.0/8'] },
      surroundings: { files, ticketKey: Buffer.alloc(48, 7).toString('base64') },
    });
    const { socket } = await proxy.connect();
    socket.removeAllListeners('data');
    const secured = connectBehind(socket, line);
    secured.write(get);
    expect(String((await once(secured, 'data'))[0])).toContain('HTTP/1.1 200 OK');
    expect(['x-forwarded-for', 'x-forwarded-proto'].map((name) => fieldOf(heads[0]!, name))).toEqual(['192.0.2.1', 'https']);
    secured.destroy();
  });

  test('of an encrypted connection that only looks, as checks do, is no failed handshake; with bytes behind it it is one', async (t) => {
    const tls: ListenerTls = { certificates: [{ certFile: 'c', keyFile: 'k' }], minVersion: '1.2', clients: undefined };
    const files = new Map([pairText('c', 'k', createAuthority().issue())]);
    const listener = { tls, proxyProtocol: ['127.0.0.0/8'] };
    const { proxy } = await startPair(t, { listener, surroundings: { files, ticketKey: '' } });
    const look = async (bytes: string): Promise<void> => {
      const client = await proxy.connect();
      client.send(bytes);
      client.end();
      await client.ended;
      await vi.waitFor(() => expect(proxy.report().connections).toBe(0), { interval: 5 });
    };
    await look('PROXY UNKNOWN\r\n');
    expect(proxy.report().terminations).toEqual({});
    await look('PROXY UNKNOWN\r\n\x16\x03\x01');
    expect(proxy.report().terminations).toEqual({ tls_handshake_failed: 1 });
    proxy.countTurnedAway(1, 'tls_handshake_failed');
  });

  test('hands an upgraded connection over with the address that was named', async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.once('data', () => peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] }, listener: { proxyProtocol: ['127.0.0.0/8'] } });
    const client = await proxy.connect();
    client.send(Buffer.concat([line, latin1('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')]));
    expect((await client.answer()).status).toBe(101);
    expect(fieldOf((await target.peer(0)).text, 'x-forwarded-for')).toBe('192.0.2.1');
    client.end();
    expect((await proxy.logged(() => true)).client).toBe('192.0.2.1');
  });
});
