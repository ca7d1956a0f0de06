import { describe, expect, test, type TestContext } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { fieldOf, type Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const bare = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A proxy whose target answers each request with `answer` and keeps the heads that it got. */
async function startPair(t: TestContext, answer = bare, debugHeaders = false) {
  const heads: string[] = [];
  const target = await startRawTarget(t, (peer) => answerEach(peer, answer, heads));
  const proxy = await startProxy(t, { pools: { blue: [target] }, debugHeaders });
  const client = await proxy.connect();
  return { proxy, target, client, heads };
}

function answerEach(peer: Peer, answer: string, heads: string[]): void {
  peer.socket.on('data', (chunk: Buffer) => {
    heads.push(chunk.toString('latin1'));
    peer.send(answer);
  });
}

/** The names of the field lines, as they were written. */
const names = (fields: string) => [...fields.matchAll(/^([^:\r\n]+):/gm)].map(([, name]) => name);

describe('what a target is sent', () => {
  test('is the request line, Host, the fields that pass, and who asked', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask('GET /a?b=1 HTTP/1.1\r\nHost: Shop.Example:8080\r\nAccept: */*\r\nX-One:  two \r\n\r\n');
    expect(heads[0]).toBe(
      'GET /a?b=1 HTTP/1.1\r\nhost: Shop.Example:8080\r\nAccept: */*\r\nX-One:  two \r\n' +
        'x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: Shop.Example:8080\r\nx-forwarded-proto: http\r\nvia: 1.1 sluice\r\n\r\n',
    );
  });

  test('has no hop-by-hop fields', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\nProxy-Connection: x\r\nTE: trailers\r\n' +
        'Upgrade: foo\r\nHTTP2-Settings: x\r\nKept: 1\r\n\r\n',
    );
    expect(names(heads[0]!)).toEqual(['host', 'Kept', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'via']);
  });

  test('has no field that Connection lists, in any case and over several lines', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask(
      'GET / HTTP/1.1\r\nHost: a\r\nconnection: X-One , close-not\r\nX-One: 1\r\nx-TWO: 2\r\nX-Three: 3\r\nConnection: x-two\r\n\r\n',
    );
    expect(names(heads[0]!)).toEqual(['host', 'X-Three', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'via']);
  });

  test('keeps what the message needs although Connection lists it', async (t) => {
    const { client, heads } = await startPair(t);
    const list = 'Host, Content-Length, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Via, Authorization, Cookie';
    await client.ask(
      `POST / HTTP/1.1\r\nHost: a\r\nConnection: ${list}\r\nContent-Length: 3\r\nAuthorization: me\r\nCookie: c=1\r\nVia: 1.0 first\r\n\r\nabc`,
    );
    const [head, body] = heads[0]!.split('\r\n\r\n');
    expect(body).toBe('abc');
    expect(fieldOf(head!, 'host')).toBe('a');
    expect(fieldOf(head!, 'content-length')).toBe('3');
    expect(fieldOf(head!, 'authorization')).toBe('me');
    expect(fieldOf(head!, 'cookie')).toBe('c=1');
    expect(fieldOf(head!, 'x-forwarded-for')).toBe('127.0.0.1');
    expect(fieldOf(head!, 'x-forwarded-host')).toBe('a');
    expect(fieldOf(head!, 'x-forwarded-proto')).toBe('http');
    expect(fieldOf(head!, 'via')).toContain('1.1 sluice');
  });

  test('says who asked, whatever the client claims', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask(
      'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-host: evil\r\nX-FORWARDED-PROTO: https\r\nForwarded: for=6.6.6.6\r\n' +
        'X-Sluice-Pool: green\r\nx-sluice-revision: 9\r\nx-sluice-anything: x\r\nVia: 1.0 earlier\r\n\r\n',
    );
    const head = heads[0]!;
    expect(fieldOf(head, 'x-forwarded-for')).toBe('127.0.0.1');
    expect(fieldOf(head, 'x-forwarded-host')).toBe('a');
    expect(fieldOf(head, 'x-forwarded-proto')).toBe('http');
    expect(fieldOf(head, 'forwarded')).toBeUndefined();
    expect(head.toLowerCase()).not.toContain('x-sluice-');
    expect(fieldOf(head, 'via')).toBe('1.0 earlier, 1.1 sluice');
  });

  test('names the authority of an absolute form rather than Host', async (t) => {
    const { client, heads, proxy } = await startPair(t);
    await client.ask('GET http://Real.example:81/x?y HTTP/1.1\r\nHost: other.example\r\n\r\n');
    expect(heads[0]).toContain('GET /x?y HTTP/1.1\r\nhost: Real.example:81\r\n');
    expect(fieldOf(heads[0]!, 'x-forwarded-host')).toBe('Real.example:81');
    expect((await proxy.logged(() => true)).host).toBe('Real.example:81');
  });

  test("names the target's own address where an HTTP/1.0 client names no host, also on a new connection", async (t) => {
    const { client, heads, target } = await startPair(t);
    await client.ask('GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    await client.ask('GET /old HTTP/1.0\r\n\r\n');
    for (const head of heads) {
      expect(head).toContain(`GET /old HTTP/1.1\r\nhost: 127.0.0.1:${target.port}\r\n`);
      expect(fieldOf(head, 'x-forwarded-host')).toBeUndefined();
      expect(fieldOf(head, 'via')).toBe('1.0 sluice');
    }
    expect(heads).toHaveLength(2);
  });

  test('has bytes beyond ASCII in values as the client wrote them', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nX-Name: J\xfcrg \xe2\x82\xac\r\n\r\n');
    expect(heads[0]).toContain('X-Name: J\xfcrg \xe2\x82\xac\r\n');
  });

  test('is OPTIONS * as it stands', async (t) => {
    const { client, heads } = await startPair(t);
    await client.ask('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(heads[0]).toMatch(/^OPTIONS \* HTTP\/1\.1\r\n/);
  });
});

describe('what a client is answered', () => {
  test('has the fields of the target in their order and case, and says that it came through here', async (t) => {
    const { client } = await startPair(
      t,
      'HTTP/1.1 207 Multi Status\r\nSet-Cookie: a=1\r\nX-B: 2\r\nset-cookie: b=2; Path=/\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n' +
        'X-Name: J\xfcrg\r\nSet-Cookie: c=3\r\nContent-Length: 2\r\n\r\nok',
    );
    const answer = await client.ask('GET / HTTP/1.1');
    expect(answer.head).toBe(
      'HTTP/1.1 207 Multi Status\r\nSet-Cookie: a=1\r\nX-B: 2\r\nset-cookie: b=2; Path=/\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n' +
        'X-Name: J\xfcrg\r\nSet-Cookie: c=3\r\nContent-Length: 2\r\nvia: 1.1 sluice\r\n',
    );
    expect(answer.body).toBe('ok');
  });

  test('has no hop-by-hop fields, none that Connection lists, and none that are ours', async (t) => {
    const { client } = await startPair(
      t,
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-One, Content-Length, Date\r\nKeep-Alive: timeout=60\r\nProxy-Connection: x\r\nX-One: 1\r\n' +
        'Upgrade: h2c\r\nTE: x\r\nX-Sluice-Pool: forged\r\nX-Sluice-Other: forged\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nok',
    );
    const answer = await client.ask('GET / HTTP/1.1');
    expect(names(answer.fields)).toEqual(['X-Two', 'Content-Length', 'date', 'via']);
    expect(answer.body).toBe('ok');
  });

  test('has a Date, also where the target gave none', async (t) => {
    const { client } = await startPair(t);
    const date = (await client.ask('GET / HTTP/1.1')).field('date');
    expect(Math.abs(Date.parse(date!) - Date.now())).toBeLessThan(60_000);
  });

  test('keeps its connection although the target closes its own', async (t) => {
    const { client, target } = await startPair(t, 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.ask('GET / HTTP/1.1')).field('connection')).toBeUndefined();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
    expect(target.accepted).toBe(2);
  });

  test('says close to a client that said close', async (t) => {
    const { client } = await startPair(t);
    const answer = await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answer.field('connection')).toBe('close');
    expect(await client.ended).toBe('fin');
  });

  test('names revision, pool and target where debug headers are on', async (t) => {
    const { client } = await startPair(t, bare, true);
    const answer = await client.ask('GET / HTTP/1.1');
    expect(answer.field('x-sluice-revision')).toBe('1');
    expect(answer.field('x-sluice-pool')).toBe('blue');
    expect(answer.field('x-sluice-target')).toBe('t1');
  });

  test('names none of them where debug headers are off', async (t) => {
    const { client } = await startPair(t);
    expect((await client.ask('GET / HTTP/1.1')).head).not.toContain('x-sluice');
  });
});

test('the access log has one line per request, with what was decided and how much was sent', async (t) => {
  const { client, proxy } = await startPair(t);
  await client.ask('GET /first?secret=1 HTTP/1.1\r\nHost: "quoted\r\n\r\n');
  const second = await proxy.connect();
  const answer = await second.ask('GET /second?secret=1 HTTP/1.1');
  expect(await proxy.logged(({ path }) => path === '/second')).toMatchObject({
    client: '127.0.0.1',
    method: 'GET',
    host: 'shop.example',
    status: 200,
    bytes: answer.length,
    service: 'shop',
    pool: 'blue',
    target: 't1',
    revision: 1,
    decision: 'split',
    cause: '',
  });
  expect(proxy.lines).toHaveLength(2);
  expect(JSON.stringify(proxy.lines)).not.toContain('secret');
});
