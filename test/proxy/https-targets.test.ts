import { describe, expect, test, type TestContext } from 'vitest';
import type { Pool, TargetTls } from '../../src/core/model.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';
import { createAuthority, dayMs, type Issued } from '../support/certificates.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { deafPort, startRawTarget, startTarget, type TestTarget } from '../support/target.ts';
import { startRawTlsTarget, startTlsTarget } from '../support/tls-target.ts';

const authority = createAuthority();
const stranger = createAuthority('Stranger');
const good = authority.issue();
const forApp = authority.issue({ names: ['app.test'] });
const bareTls: TargetTls = { verify: true, serverName: undefined, caFile: 'ca.pem', certificate: undefined };
const ca: FileTexts = new Map([['ca.pem', authority.cert]]);
const get = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n';

/** A proxy whose targets are all reached over TLS, but for those of pool `plain`. */
function startEncrypted(
  t: TestContext,
  pools: Record<string, readonly TestTarget[]>,
  tls: Partial<TargetTls> = {},
  more: ProxyOptions = {},
) {
  const policies: Record<string, Partial<Pool>> = { all: { tls: { ...bareTls, ...tls } } };
  return startProxy(t, { pools, policies, targets: encrypted(pools), surroundings: { files: ca }, ...more });
}

function encrypted(pools: Record<string, readonly unknown[]>) {
  const targets = Object.entries(pools).flatMap(([pool, places]) => places.map((_, index) => `${pool}/t${index + 1}`));
  return Object.fromEntries(targets.map((target) => [target, { encrypted: true }]));
}

async function askOnce(proxy: TestProxy, request = get) {
  const client = await proxy.connect();
  const answer = await client.ask(request);
  client.end();
  return answer;
}

describe('whether a target is trusted', () => {
  const day = (offset: number) => new Date(Date.now() + offset * dayMs);
  interface Case {
    readonly what: string;
    readonly shown: Issued;
    readonly tls?: Partial<TargetTls>;
    readonly outcome: 'ok' | 'tls_certificate_error' | 'tls_protocol_error';
  }
  test.for<Case>([
    { what: 'a certificate for its IP address', shown: good, outcome: 'ok' },
    { what: 'one that has expired', shown: authority.issue({ validFrom: day(-9), validTo: day(-1) }), outcome: 'tls_certificate_error' },
    { what: 'one that is not valid yet', shown: authority.issue({ validFrom: day(1) }), outcome: 'tls_certificate_error' },
    { what: 'one for another name', shown: forApp, outcome: 'tls_certificate_error' },
    { what: 'one for the name that the pool asks for', shown: forApp, tls: { serverName: 'app.test' }, outcome: 'ok' },
    {
      what: 'one for its address, and not for the name asked for',
      shown: good,
      tls: { serverName: 'app.test' },
      outcome: 'tls_certificate_error',
    },
    {
      what: 'one for an address that the pool asks for',
      shown: authority.issue({ names: ['10.9.8.7'] }),
      tls: { serverName: '10.9.8.7' },
      outcome: 'ok',
    },
    { what: 'one of an unknown authority', shown: stranger.issue(), outcome: 'tls_certificate_error' },
    {
      what: 'one of an authority that only the pool knows, where the pool names none',
      shown: good,
      tls: { caFile: undefined },
      outcome: 'tls_certificate_error',
    },
    { what: 'anything where nothing is verified', shown: stranger.issue({ names: ['x.test'] }), tls: { verify: false }, outcome: 'ok' },
    {
      what: 'itself, signed by itself, where nothing is verified',
      shown: stranger,
      tls: { verify: false, caFile: undefined },
      outcome: 'ok',
    },
  ])('$what: $outcome', async ({ shown, tls, outcome }, t) => {
    const target = await startTlsTarget(t, shown);
    const proxy = await startEncrypted(t, { blue: [target] }, tls);
    expect((await askOnce(proxy)).status).toBe(outcome === 'ok' ? 200 : 502);
    expect(proxy.lines[0]!.cause).toBe(outcome === 'ok' ? '' : outcome);
  });

  test('files that cannot be used make nobody trusted, and are told of', async (t) => {
    const target = await startTlsTarget(t, good);
    const proxy = await startEncrypted(t, { blue: [target] }, { caFile: 'other.pem' });
    expect((await askOnce(proxy)).status).toBe(502);
    expect(proxy.lines[0]!.cause).toBe('tls_certificate_error');
    expect(proxy.warnings.splice(0)).toMatchObject([{ err: { message: 'other.pem has not been read' } }]);
  });
});
