/** RFC 7239 (Forwarded), RFC 9209 (Proxy-Status) and RFC 9218 (Priority): what becomes of these fields. */
import { expect, test } from 'vitest';
import { terminations } from '../../src/core/terminations.ts';
import { fieldOf } from '../support/raw-client.ts';
import { answer, get, got, isRefused, ok, play, startPair } from './support.ts';

test('RFC 7239 section 8.1: what a client that is not trusted says of itself does not reach the target', async (t) => {
  const { client, target } = await startPair(t);
  client.send(get('Forwarded: for=6.6.6.6;host=evil', 'X-Forwarded-For: 6.6.6.6', 'x-forwarded-host: evil', 'X-FORWARDED-PROTO: https'));
  const peer = await target.peer(0);
  const sent = await peer.contains('\r\n\r\n');
  expect(sent).not.toMatch(/6\.6\.6\.6|evil|^forwarded/im);
  const who = ['for', 'host', 'proto'].map((name) => fieldOf(sent, `x-forwarded-${name}`));
  expect(who).toEqual(['127.0.0.1', 'a', 'http']);
  peer.send(ok);
  await client.answer();
});

/** RFC 9209 section 2.3: the types that are registered, of which ours are some. */
// oxfmt-ignore
const registered = [
  'dns_timeout', 'dns_error', 'destination_not_found', 'destination_unavailable', 'destination_ip_prohibited', 'destination_ip_unroutable',
  'connection_refused', 'connection_terminated', 'connection_timeout', 'connection_read_timeout', 'connection_write_timeout',
  'connection_limit_reached', 'tls_protocol_error', 'tls_certificate_error', 'tls_alert_received', 'http_request_error',
  'http_request_denied', 'http_response_incomplete', 'http_response_header_section_size', 'http_response_header_size',
  'http_response_body_size', 'http_response_trailer_section_size', 'http_response_trailer_size', 'http_response_transfer_coding',
  'http_response_content_coding', 'http_response_timeout', 'http_upgrade_failed', 'http_protocol_error', 'proxy_internal_response',
  'proxy_internal_error', 'proxy_configuration_error', 'proxy_loop_detected',
];

test('RFC 9209 section 2.3: every answer of our own has an error type that is registered', () => {
  expect(Object.values(terminations).filter(({ proxyStatus }) => !registered.includes(proxyStatus))).toEqual([]);
});

test('RFC 9209 section 2: an answer of our own says who we are, and why', (t) => isRefused(t, get('X : 1'), 'malformed_request'));

test('RFC 9209 section 2: what others before us said passes, and nothing is added to an answer that is not ours', (t) =>
  play(t, { sends: get(), gets: got(), says: `${answer('Proxy-Status: a; error=dns_error, b', 'Content-Length: 2')}ok` }));

const imitations = ['sluice; error=dns_error', 'a, sluice;b', 'a;c="d",\t"sluice"', ' Sluice', 'sluice-2'];

test.for(imitations)('RFC 9209 section 2: a target that says %j in our name is not passed on, in fields or trailers', (value, t) =>
  play(t, {
    sends: get(),
    gets: got(),
    says: `${answer(`Proxy-Status: ${value}`, 'Proxy-Status: b', 'Transfer-Encoding: chunked')}0\r\nProxy-Status: ${value}\r\nX: 1\r\n\r\n`,
    hears: `${answer('Proxy-Status: b', 'transfer-encoding: chunked')}0\r\nX: 1\r\n\r\n`,
  }),
);

test.for(['u=0, i', 'u=7', 'u=9;x, "odd"', ''])('RFC 9218 section 5: Priority %j passes untouched, both ways', (value, t) =>
  play(t, {
    sends: get(`Priority: ${value}`, 'priority: i=?0'),
    gets: got(`Priority: ${value}`, 'priority: i=?0'),
    says: `${answer(`Priority: ${value}`, 'Content-Length: 2')}ok`,
  }),
);
