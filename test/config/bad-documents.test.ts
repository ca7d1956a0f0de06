/**
 * What an operator reads when something in the file is wrong. Review these as text: does the sentence say what was expected, what was
 * found, and what to type instead?
 */
import { expect, test } from 'vitest';
import { checkText } from '../../config/load.ts';

const app = 'services: { web: { pools: { blue: { targets: [] } } } }';
const beside = (yaml: string): string => `${app}\n${yaml}`;
const matching = (conditions: string): string => beside(`routes: [{ match: { ${conditions} }, service: web }]`);
const pool = (yaml: string): string => `services: { web: { pools: { blue: { ${yaml} } } } }`;
const target = (yaml: string): string => pool(`targets: [${yaml}]`);
const blueGreen = (yaml: string): string => `services: { web: { pools: { blue: { targets: [] }, green: { targets: [] } }, ${yaml} } }`;

const badDocuments: readonly { readonly name: string; readonly text: string; readonly problems: readonly string[] }[] = [
  {
    name: 'a misspelt key',
    text: 'servces: {}',
    problems: [
      '/servces  unknown key "servces"; did you mean "services"?',
      '/services  the key "services" is missing: The applications, by name.',
    ],
  },
  {
    name: 'a key from another planet',
    text: beside('upstreams: {}'),
    problems: ['/upstreams  unknown key "upstreams"; expected one of listeners, admin, dataDir, workers, log, services, routes'],
  },
  {
    name: 'a key one level too high',
    text: beside('timeouts: { connect: 1s }'),
    problems: ['/timeouts  unknown key "timeouts" here; it belongs to listeners[] and services.NAME'],
  },
  { name: 'no services', text: 'workers: 2', problems: ['/services  the key "services" is missing: The applications, by name.'] },
  { name: 'empty services', text: 'services: {}', problems: ['/services  expected at least one entry, found an empty object'] },
  {
    name: 'services with nothing behind it',
    text: 'services:',
    problems: ['/services  expected an object, found nothing (null); fill it in or remove the key'],
  },
  {
    name: 'a service that is a list',
    text: 'services: { web: [blue] }',
    problems: [
      '/services/web  expected an object with pools, weights, fallback, sticky, overrides, mirrors, retry, timeouts, debugHeaders, found a list',
    ],
  },
  {
    name: 'a service without pools',
    text: 'services: { web: {} }',
    problems: ['/services/web/pools  the key "pools" is missing: The versions of the service, by name.'],
  },
  {
    name: 'a service with no pool in pools',
    text: 'services: { web: { pools: {} } }',
    problems: ['/services/web/pools  expected at least one entry, found an empty object'],
  },
  {
    name: 'a pool without targets',
    text: pool(''),
    problems: [
      '/services/web/pools/blue/targets  the key "targets" is missing: The addresses of the pool, each a URL or an object with url.',
    ],
  },
  {
    name: 'targets that are one text',
    text: pool('targets: "http://10.0.0.1:3000"'),
    problems: ['/services/web/pools/blue/targets  expected a list, found "http://10.0.0.1:3000"; write ["http://10.0.0.1:3000"]'],
  },
  {
    name: 'an id in capitals',
    text: 'services: { Web Shop: { pools: { blue: { targets: [] } } } }',
    problems: [
      '/services/Web Shop  expected an id (1 to 64 of a-z, 0-9, ".", "_" and "-"; letter or digit at both ends), found "Web Shop"; write "web-shop"',
    ],
  },
  {
    name: 'an id with a prototype in mind',
    text: 'services: { __proto__: { pools: {} } }',
    problems: [
      '/services/__proto__  expected an id (1 to 64 of a-z, 0-9, ".", "_" and "-"; letter or digit at both ends), found "__proto__"; write "proto"',
    ],
  },
  {
    name: 'a port alone',
    text: beside('listeners: [{ name: web, address: 8080 }]'),
    problems: [
      '/listeners/0/address  expected an address such as "0.0.0.0:8080", found the number 8080; write ":8080" for all addresses or "127.0.0.1:8080"',
    ],
  },
  {
    name: 'an address without a port',
    text: beside('listeners: [{ name: web, address: 127.0.0.1 }]'),
    problems: ['/listeners/0/address  expected an address such as "0.0.0.0:8080", found "127.0.0.1"; the port is missing'],
  },
  {
    name: 'an IPv6 address without brackets',
    text: beside('listeners: [{ name: web, address: "::1:8080" }]'),
    problems: [
      '/listeners/0/address  expected an address such as "0.0.0.0:8080", found "::1:8080"; an IPv6 address needs brackets; write "[::1]:8080"',
    ],
  },
  {
    name: 'an address with a scheme',
    text: beside('listeners: [{ name: web, address: "http://0.0.0.0:8080/" }]'),
    problems: ['/listeners/0/address  expected an address such as "0.0.0.0:8080", found "http://0.0.0.0:8080/"; write "0.0.0.0:8080"'],
  },
  {
    name: 'a name to listen on',
    text: beside('listeners: [{ name: web, address: "shop.example:80" }]'),
    problems: [
      '/listeners/0/address  expected an IP address of this machine, found "shop.example:80"; a name cannot be listened on; write ":80" for all addresses',
    ],
  },
  {
    name: 'a port out of range',
    text: beside('listeners: [{ name: web, address: ":80800" }]'),
    problems: ['/listeners/0/address  expected a port from 0 to 65535, found ":80800"'],
  },
  {
    name: 'no listeners',
    text: beside('listeners: []'),
    problems: ['/listeners  expected at least one item, found an empty list; leave the key out for the default'],
  },
  {
    name: 'a listener without an address',
    text: beside('listeners: [{ name: web }]'),
    problems: [
      '/listeners/0/address  the key "address" is missing: IP address and port: "0.0.0.0:8080", ":8080" (the same), "[::]:8080", "127.0.0.1:8080", "localhost:8080".',
    ],
  },
  {
    name: 'two listeners of one name',
    text: beside('listeners: [{ name: web, address: ":80" }, { name: web, address: ":81" }]'),
    problems: ['/listeners/1/name  another listener is named "web" already; names must differ'],
  },
  {
    name: 'two listeners on one port',
    text: beside('listeners: [{ name: web, address: ":8080" }, { name: local, address: "127.0.0.1:8080" }]'),
    problems: ['/listeners/1/address  listener "web" (:8080) has this port already; choose another'],
  },
  {
    name: 'listener and admin on one port',
    text: beside('listeners: [{ name: web, address: ":8081" }]'),
    problems: [
      '/listeners/0/address  the admin API (127.0.0.1:8081) and listener "web" (0.0.0.0:8081) need the same port; choose another, for the admin API also with --admin-listen',
    ],
  },
  {
    name: 'a head limit that no request fits',
    text: beside('listeners: [{ name: web, address: ":80", limits: { headBytes: 100B } }]'),
    problems: ['/listeners/0/limits/headBytes  expected a size from 1KiB to 1MiB, found "100B"'],
  },
  {
    name: 'networks of proxies in front that are none',
    text: beside(
      'listeners: [{ name: web, address: ":80", trustedProxies: [10.0.0.7/8, proxy.example, 10.0.*], proxyProtocol: { from: ["fd00::/129"] }, requestIds: "no" }]',
    ),
    problems: [
      '/listeners/0/trustedProxies/0  expected a network such as "10.0.0.0/8" or an address, found "10.0.0.7/8"; bits behind the first 8 are set; write "10.0.0.0/8", or "10.0.0.7" for the one address',
      '/listeners/0/trustedProxies/1  expected a network such as "10.0.0.0/8" or an address, found "proxy.example"',
      '/listeners/0/trustedProxies/2  expected a network such as "10.0.0.0/8" or an address, found "10.0.*"; write "10.0.0.0/16"',
      '/listeners/0/proxyProtocol/from/0  expected a network with a length from 0 to 128, found "fd00::/129"',
      '/listeners/0/requestIds  expected true or false, found "no"; write false, without quotes',
    ],
  },
  {
    name: 'PROXY headers of nobody, and of everybody',
    text: beside(
      'listeners: [{ name: a, address: ":80", proxyProtocol: { from: [] } }, { name: b, address: ":81", proxyProtocol: {} }, { name: c, address: ":82", proxyProtocol: true }]',
    ),
    problems: [
      '/listeners/0/proxyProtocol/from  expected at least one item, found an empty list; add one',
      '/listeners/1/proxyProtocol/from  the key "from" is missing: Networks such as "10.0.0.0/8", or addresses.',
      '/listeners/2/proxyProtocol  expected an object with from, found true',
    ],
  },
  {
    name: 'a duration without a unit',
    text: blueGreen('weights: {}, timeouts: { connect: 30 }'),
    problems: [
      '/services/web/timeouts/connect  expected a duration such as 30s, found the number 30; write 30s for seconds or 30ms for milliseconds',
    ],
  },
  {
    name: 'a duration in words',
    text: blueGreen('weights: {}, timeouts: { connect: 30 sec }'),
    problems: ['/services/web/timeouts/connect  expected a duration such as 30s, found "30 sec"; write 30s'],
  },
  {
    name: 'a composed duration',
    text: blueGreen('weights: {}, timeouts: { idle: 1h30m }'),
    problems: ['/services/web/timeouts/idle  expected a duration such as 30s, found "1h30m"; write 90m'],
  },
  {
    name: 'a fraction of a second',
    text: blueGreen('weights: {}, timeouts: { connect: 1.5s }'),
    problems: ['/services/web/timeouts/connect  expected a duration such as 30s, found "1.5s"; write 1500ms'],
  },
  {
    name: 'a zero that cannot be',
    text: blueGreen('weights: {}, timeouts: { connect: 0s }'),
    problems: ['/services/web/timeouts/connect  expected a duration longer than 0, found "0s"; this limit cannot be switched off'],
  },
  {
    name: 'a duration of ages',
    text: blueGreen('weights: {}, timeouts: { idle: 9999d }'),
    problems: ['/services/web/timeouts/idle  expected a duration of at most 365d, found "9999d"'],
  },
  {
    name: 'a decimal size',
    text: beside('listeners: [{ name: web, address: ":80", limits: { headBytes: 64k } }]'),
    problems: [
      '/listeners/0/limits/headBytes  expected a size such as 64KiB, found "64k"; write 64KiB for 65536 bytes or 64000B for 64000 bytes',
    ],
  },
  {
    name: 'a size without a unit',
    text: beside('listeners: [{ name: web, address: ":80", limits: { bodyBytes: 65536 } }]'),
    problems: [
      '/listeners/0/limits/bodyBytes  expected a size such as 64KiB, or 0 for no limit, found the number 65536; write 64KiB for 65536 bytes',
    ],
  },
  {
    name: 'a target without a scheme',
    text: target('"10.0.0.1:3000"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000", found "10.0.0.1:3000"; write "http://10.0.0.1:3000"',
    ],
  },
  {
    name: 'a target with a path',
    text: target('"http://10.0.0.1:3000/"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL without a path, found "http://10.0.0.1:3000/"; requests keep their own path and query; write "http://10.0.0.1:3000"',
    ],
  },
  {
    name: 'a target with a query',
    text: target('"http://10.0.0.1:3000?x=1"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL without a query, found "http://10.0.0.1:3000?x=1"; requests keep their own path and query; write "http://10.0.0.1:3000"',
    ],
  },
  {
    name: 'a target with a password',
    text: target('"http://bob:secret@10.0.0.1:3000"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000" without user name and password; write "http://10.0.0.1:3000"',
    ],
  },
  {
    name: 'a target behind TLS with a path',
    text: target('"https://10.0.0.1/a"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL without a path, found "https://10.0.0.1/a"; requests keep their own path and query; write "https://10.0.0.1"',
    ],
  },
  {
    name: 'how to reach targets over TLS, and one that may have been meant to be',
    text: pool('targets: ["http://10.0.0.1", "https://10.0.0.2/"], tls: {}'),
    problems: [
      '/services/web/pools/blue/targets/1  expected a URL without a path, found "https://10.0.0.2/"; requests keep their own path and query; write "https://10.0.0.2"',
    ],
  },
  {
    name: 'a certificate without its key',
    text: pool('targets: ["https://10.0.0.1"], tls: { cert: a.pem }'),
    problems: [
      '/services/web/pools/blue/tls/cert  a certificate is of no use without its key, nor the key alone; write key too, or remove cert',
    ],
  },
  {
    name: 'a key without its certificate',
    text: pool('targets: [], tls: { key: a.pem }'),
    problems: [
      '/services/web/pools/blue/tls/key  a certificate is of no use without its key, nor the key alone; write cert too, or remove key',
    ],
  },
  {
    name: 'a name of targets that is a URL',
    text: pool('targets: [], tls: { serverName: "https://app.internal/" }'),
    problems: [
      '/services/web/pools/blue/tls/serverName  expected a name such as "app.internal", found "https://app.internal/"; write the name alone: "app.internal"',
    ],
  },
  {
    name: 'a target of another protocol',
    text: target('"ftp://10.0.0.1"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000", found "ftp://10.0.0.1"; only http:// and https:// are spoken to targets',
    ],
  },
  {
    name: 'a mistyped IPv4 address',
    text: target('"http://10.0.0.256:3000"'),
    problems: [
      '/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000", found "http://10.0.0.256:3000"; "10.0.0.256" is no host name or IP address',
    ],
  },
  {
    name: 'a target port out of range',
    text: target('"http://10.0.0.1:0"'),
    problems: ['/services/web/pools/blue/targets/0  expected a URL with a port from 1 to 65535, found "http://10.0.0.1:0"'],
  },
  {
    name: 'a target that is a number',
    text: target('3000'),
    problems: ['/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000", found the number 3000'],
  },
  {
    name: 'a target without url',
    text: target('{ id: b1 }'),
    problems: [
      '/services/web/pools/blue/targets/0/url  the key "url" is missing: Scheme, host and port, nothing else: "http://10.0.0.7:3000", "https://app.internal", "http://[fd00::7]:3000".',
    ],
  },
  {
    name: 'a target weight too large',
    text: target('{ url: "http://10.0.0.1", weight: 1001 }'),
    problems: ['/services/web/pools/blue/targets/0/weight  expected a whole number from 0 to 1000, found the number 1001'],
  },
  {
    name: 'one target twice',
    text: target('"http://10.0.0.1:80", "http://10.0.0.1"'),
    problems: [
      '/services/web/pools/blue/targets/1  the pool has a target "10.0.0.1:80" already; remove it, or give it a weight instead of repeating it',
    ],
  },
  {
    name: 'one target id twice',
    text: target('{ id: b1, url: "http://10.0.0.1" }, { id: b1, url: "http://10.0.0.2" }'),
    problems: ['/services/web/pools/blue/targets/1/id  the pool has a target "b1" already; ids must differ within a pool'],
  },
  {
    name: 'weights in percent',
    text: blueGreen('weights: { blue: 90%, green: 10% }'),
    problems: [
      '/services/web/weights/blue  expected a whole number from 0 to 1000000, found "90%"; write 90, without the percent sign',
      '/services/web/weights/green  expected a whole number from 0 to 1000000, found "10%"; write 10, without the percent sign',
    ],
  },
  {
    name: 'a fractional weight',
    text: blueGreen('weights: { blue: 99.5, green: 0.5 }'),
    problems: [
      '/services/web/weights/blue  expected a whole number from 0 to 1000000, found the number 99.5; weights are relative, so multiply all of them by 10 or 100',
      '/services/web/weights/green  expected a whole number from 0 to 1000000, found the number 0.5; weights are relative, so multiply all of them by 10 or 100',
    ],
  },
  {
    name: 'a negative weight',
    text: blueGreen('weights: { blue: 100, green: -1 }'),
    problems: ['/services/web/weights/green  expected a whole number from 0 to 1000000, found the number -1'],
  },
  {
    name: 'a weight that is no number',
    text: blueGreen('weights: { blue: .nan, green: .inf }'),
    problems: [
      '/services/web/weights/blue  expected a whole number from 0 to 1000000, found the number NaN',
      '/services/web/weights/green  expected a whole number from 0 to 1000000, found the number Infinity',
    ],
  },
  {
    name: 'a weight for a pool that is not there',
    text: blueGreen('weights: { blue: 90, gren: 10 }'),
    problems: ['/services/web/weights/gren  the service has no pool "gren"; did you mean "green"?'],
  },
  {
    name: 'several pools and no weights',
    text: 'services: { web: { pools: { blue: { targets: [] }, green: { targets: [] } } } }',
    problems: [
      '/services/web/weights  the key "weights" is missing, and with several pools only you can know; for example { blue: 100, green: 0 }',
    ],
  },
  {
    name: 'a truth value as text',
    text: blueGreen('weights: {}, debugHeaders: "yes"'),
    problems: ['/services/web/debugHeaders  expected true or false, found "yes"; write true, without quotes'],
  },
  {
    name: 'too many attempts',
    text: blueGreen('weights: {}, retry: { attempts: 50 }'),
    problems: ['/services/web/retry/attempts  expected a whole number from 0 to 10, found the number 50'],
  },
  {
    name: 'a misspelt way of balancing',
    text: pool('targets: [], balance: roundrobin'),
    problems: [
      '/services/web/pools/blue/balance  expected "round-robin", "least-requests", "p2c-ewma", "hash" or "random", found "roundrobin"; did you mean "round-robin"?',
    ],
  },
  {
    name: 'a key that nothing is hashed by',
    text: pool('targets: [], hashKey: { path: true }'),
    problems: ['/services/web/pools/blue/hashKey  it is only of use with balance: hash; write that too, or remove hashKey'],
  },
  {
    name: 'a key of a wrong kind behind a way of balancing that nobody knows',
    text: pool('targets: [], balance: hsh, hashKey: { uri: true }'),
    problems: [
      '/services/web/pools/blue/balance  expected "round-robin", "least-requests", "p2c-ewma", "hash" or "random", found "hsh"; did you mean "hash"?',
      '/services/web/pools/blue/hashKey/uri  unknown key "uri"; expected one of cookie, header, query, jwt, address, path',
    ],
  },
  {
    name: 'a key that is one word',
    text: pool('targets: [], balance: hash, hashKey: address'),
    problems: [
      '/services/web/pools/blue/hashKey  expected an object with one of the keys cookie, header, query, jwt, address, path, found "address"; write { address: true }',
    ],
  },
  {
    name: 'a key that is switched off',
    text: pool('targets: [], balance: hash, hashKey: { address: false }'),
    problems: ['/services/web/pools/blue/hashKey/address  expected true, found false'],
  },
  {
    name: 'a key that is switched off in words',
    text: pool('targets: [], balance: hash, hashKey: { path: "no" }'),
    problems: ['/services/web/pools/blue/hashKey/path  expected true, found "no"'],
  },
  {
    name: 'a key without a name',
    text: pool('targets: [], balance: hash, hashKey: { header: }'),
    problems: ['/services/web/pools/blue/hashKey/header  expected a name without spaces, colons or other separators, found nothing (null)'],
  },
  {
    name: 'a state that other programs have',
    text: pool('targets: [], state: draining'),
    problems: ['/services/web/pools/blue/state  expected "ready", "drain" or "maint", found "draining"; did you mean "drain"?'],
  },
  {
    name: 'an end without a drain',
    text: target('{ url: "http://a", drainUntil: "2026-05-01T12:00:00Z" }'),
    problems: [
      '/services/web/pools/blue/targets/0/drainUntil  nothing ends where the state is ready; write state: drain or state: maint too, or remove drainUntil',
    ],
  },
  {
    name: 'an end of a pool that is ready',
    text: pool('targets: [], state: ready, drainUntil: "2026-05-01T12:00:00Z"'),
    problems: [
      '/services/web/pools/blue/drainUntil  nothing ends where the state is ready; write state: drain or state: maint too, or remove drainUntil',
    ],
  },
  {
    name: 'an instant without a time zone',
    text: pool('targets: [], state: drain, drainUntil: 2026-05-01 12:00'),
    problems: [
      '/services/web/pools/blue/drainUntil  expected an instant such as "2026-05-01T12:00:00Z", found "2026-05-01 12:00"; the time zone is missing; write "2026-05-01T12:00Z" for UTC',
    ],
  },
  {
    name: 'a duration where an instant is wanted',
    text: pool('targets: [], state: drain, drainUntil: 30s'),
    problems: [
      '/services/web/pools/blue/drainUntil  expected an instant such as "2026-05-01T12:00:00Z", found "30s"; a length of time goes under timeouts.drain',
    ],
  },
  {
    name: 'a probe more often than makes sense',
    text: pool('targets: [], health: { interval: 50ms }'),
    problems: ['/services/web/pools/blue/health/interval  expected a duration from 100ms to 1h, found "50ms"'],
  },
  {
    name: 'a probe now and then',
    text: pool('targets: [], health: { interval: 61m, timeout: 1m }'),
    problems: ['/services/web/pools/blue/health/interval  expected a duration from 100ms to 1h, found "61m"'],
  },
  {
    name: 'a probe that waits for ages',
    text: pool('targets: [], health: { interval: 1s, timeout: 11s }'),
    problems: ['/services/web/pools/blue/health/timeout  expected at most 10s, which is ten times the interval, found "11s"'],
  },
  {
    name: 'a probe that asks nothing and expects something',
    text: pool('targets: [], health: { type: tcp, path: /healthz, method: GET, host: a, expect: { status: "200" } }'),
    problems: [
      '/services/web/pools/blue/health/path  type: tcp only opens a connection; write type: http, or remove "path"',
      '/services/web/pools/blue/health/method  type: tcp only opens a connection; write type: http, or remove "method"',
      '/services/web/pools/blue/health/host  type: tcp only opens a connection; write type: http, or remove "host"',
      '/services/web/pools/blue/health/expect  type: tcp only opens a connection; write type: http, or remove "expect"',
    ],
  },
  {
    name: 'a body that HEAD never has',
    text: pool('targets: [], health: { method: HEAD, expect: { body: ok } }'),
    problems: ['/services/web/pools/blue/health/expect/body  an answer to HEAD has no body; write method: GET, or remove body'],
  },
  {
    name: 'a status that is a number',
    text: pool('targets: [], health: { expect: { status: 200 } }'),
    problems: [
      '/services/web/pools/blue/health/expect/status  expected status codes such as "200-299" or "200,204", found the number 200; put it in quotes: "200"',
    ],
  },
  {
    name: 'a field expected twice',
    text: pool('targets: [], health: { expect: { headers: { X-App: a, x-app: b } } }'),
    problems: ['/services/web/pools/blue/health/expect/headers/x-app  the field "x-app" stands here twice; case does not count'],
  },
  {
    name: 'a path to be probed without a slash, and a port that is none',
    text: pool('targets: [], health: { path: healthz, port: 0 }'),
    problems: [
      '/services/web/pools/blue/health/path  expected a path such as "/healthz", found "healthz"; it begins with a slash; write "/healthz"',
      '/services/web/pools/blue/health/port  expected a whole number from 1 to 65535, found the number 0',
    ],
  },
  {
    name: 'an ejection that gets shorter',
    text: pool('targets: [], ejection: { base: 10m }'),
    problems: ['/services/web/pools/blue/ejection/base  max (300s) is shorter than base (10m); raise max, or lower base'],
  },
  {
    name: 'a percentage without its sign',
    text: pool('targets: [], panic: 20, ejection: { share: 0.5 }'),
    problems: [
      '/services/web/pools/blue/panic  expected a percentage such as 10% or 0.5%, found the number 20; write 20%',
      '/services/web/pools/blue/ejection/share  expected a percentage such as 10% or 0.5%, found the number 0.5; write 50%, or 0.5% if so little is meant',
    ],
  },
  {
    name: 'a fallback, an override and a mirror to pools that are not there',
    text: blueGreen('weights: {}, fallback: bleu, overrides: [{ pool: gren }], mirrors: [{ pool: shadow }]'),
    problems: [
      '/services/web/fallback  the service has no pool "bleu"; did you mean "blue"?',
      '/services/web/overrides/0/pool  the service has no pool "gren"; did you mean "green"?',
      '/services/web/mirrors/0/pool  the service has no pool "shadow"; expected one of blue, green',
    ],
  },
  {
    name: 'a rescue by nobody',
    text: blueGreen('weights: {}, retry: { rescue: true }'),
    problems: [
      '/services/web/retry/rescue  it is the fallback that rescues, and the service has none; add fallback: POOL, or remove rescue',
    ],
  },
  {
    name: 'two mirrors to one pool',
    text: blueGreen('weights: {}, mirrors: [{ pool: green, percent: 10 }, { pool: green, percent: 5% }]'),
    problems: ['/services/web/mirrors/1/pool  another mirror copies to "green" already; remove one, or raise its percent'],
  },
  {
    name: 'a mirror of more than everything',
    text: blueGreen('weights: {}, mirrors: [{ pool: green, percent: 101 }, { pool: blue, percent: ten }]'),
    problems: [
      '/services/web/mirrors/0/percent  expected a percentage from 0 to 100, found the number 101',
      '/services/web/mirrors/1/percent  expected a percentage such as 10 or "0.5%", found "ten"',
    ],
  },
  {
    name: 'sticky by a word of other programs',
    text: blueGreen('weights: {}, sticky: { key: ip }'),
    problems: [
      '/services/web/sticky/key  expected an object with one of the keys cookie, appCookie, header, query, jwt, address, found "ip"; write { address: true }',
    ],
  },
  {
    name: 'two keys for one client',
    text: blueGreen('weights: {}, sticky: { key: { cookie: a, header: x-user } }'),
    problems: [
      '/services/web/sticky/key  expected exactly one of the keys cookie, appCookie, header, query, jwt, address, found "cookie" and "header"; remove all but one',
    ],
  },
  {
    name: 'no key for a client',
    text: blueGreen('weights: {}, sticky: { key: {} }'),
    problems: ['/services/web/sticky/key  expected exactly one of the keys cookie, appCookie, header, query, jwt, address, found none'],
  },
  {
    name: 'a cookie whose name is none, for a path that is none',
    text: blueGreen('weights: {}, sticky: { key: { cookie: "my cookie" }, path: shop }'),
    problems: [
      '/services/web/sticky/key/cookie  expected a name without spaces, colons or other separators, found "my cookie"',
      '/services/web/sticky/path  expected a path such as "/" or "/shop", found "shop"; it begins with a slash; write "/shop"',
    ],
  },
  {
    name: 'clients that are kept by a key that keeps nothing',
    text: blueGreen('weights: {}, sticky: { key: { header: x-user }, onShrink: keep }'),
    problems: [
      '/services/web/sticky/onShrink  only a cookie of Sluice’s own says since when a client has been where it is; write key: { cookie: sluice_id }, or onShrink: move',
    ],
  },
  {
    name: 'a cookie’s life without a cookie',
    text: blueGreen('weights: {}, sticky: { key: { address: true }, maxAge: 1h, secure: always }'),
    problems: [
      '/services/web/sticky/maxAge  "maxAge" is about cookies of Sluice’s own, and with this key it sets none; remove it',
      '/services/web/sticky/secure  "secure" is about cookies of Sluice’s own, and with this key it sets none; remove it',
    ],
  },
  {
    name: 'a cookie that lives for less than a second',
    text: blueGreen('weights: {}, sticky: { maxAge: 999ms }'),
    problems: ['/services/web/sticky/maxAge  expected a duration of at least 1s, found "999ms"; cookies count in seconds'],
  },
  {
    name: 'a cookie for all sites that anybody can read',
    text: blueGreen('weights: {}, sticky: { sameSite: none }'),
    problems: ['/services/web/sticky/sameSite  browsers refuse cookies with sameSite: none that are not secure; add secure: always'],
  },
  {
    name: 'a cookie whose name makes promises',
    text: blueGreen('weights: {}, sticky: { key: { cookie: __Host-id }, path: /shop }'),
    problems: [
      '/services/web/sticky/key/cookie  browsers refuse a cookie named "__Host-id" that is not secure; add secure: always',
      '/services/web/sticky/key/cookie  browsers refuse a cookie named "__Host-id" that is for a part of the site; remove path, or choose another name',
    ],
  },
  {
    name: 'one cookie for the application and for the target',
    text: blueGreen('weights: {}, sticky: { key: { appCookie: sluice_t }, target: true }'),
    problems: ['/services/web/sticky/key/appCookie  with target: true Sluice sets a cookie "sluice_t" itself; use another name'],
  },
  {
    name: 'an override that can never match',
    text: blueGreen(
      'weights: {}, overrides: [{ match: { clients: [10.0.0.7, "fd00::/8"], headers: { X-A: a } }, pool: green }, { match: { headers: { x-a: a }, clients: ["FD00:0::/8", 10.0.0.7/32] }, pool: blue }]',
    ),
    problems: [
      '/services/web/overrides/1  this override can never match: override 1 has the same conditions and stands earlier; remove one',
    ],
  },
  {
    name: 'conditions of an override that nobody understands',
    text: blueGreen(
      'weights: {}, overrides: [{ match: { clients: [10.0.0.7/8, 10.0], headers: { x: a, X: b }, percent: { of: {}, share: 10 } }, pool: green }]',
    ),
    problems: [
      '/services/web/overrides/0/match/clients/0  expected a network such as "10.0.0.0/8" or an address, found "10.0.0.7/8"; bits behind the first 8 are set; write "10.0.0.0/8", or "10.0.0.7" for the one address',
      '/services/web/overrides/0/match/clients/1  expected a network such as "10.0.0.0/8" or an address, found the number 10',
      '/services/web/overrides/0/match/headers/X  the field "x" stands here twice; case does not count',
      '/services/web/overrides/0/match/percent/of  expected exactly one of the keys cookie, header, query, jwt, address, found none',
      '/services/web/overrides/0/match/percent/share  expected a percentage such as 10% or 0.5%, found the number 10; write 10%',
    ],
  },
  {
    name: 'two services that give clients one cookie',
    text: `services:
  shop: { pools: { blue: { targets: [] } }, sticky: {} }
  pages: { pools: { main: { targets: [] } }, sticky: { target: true } }
  forum: { pools: { main: { targets: [] } }, sticky: { key: { address: true }, target: true } }
  wiki: { pools: { main: { targets: [] } }, sticky: { key: { header: x-user }, target: true } }
routes:
  - { match: { host: shop.example, path: /about/* }, service: pages }
  - { match: { host: "*.example", path: /forum/* }, service: forum }
  - { match: { path: /wiki/* }, service: wiki }
  - { service: shop }`,
    problems: [
      '/services/pages/sticky  service "shop" sets a cookie "sluice_id" for the same host, and each would overwrite the other’s; write key: { cookie: sluice_id_pages }',
      '/services/wiki/sticky  service "forum" sets a cookie "sluice_t" for the same host, and each would overwrite the other’s; remove target, or write key: { cookie: sluice_id_wiki }',
    ],
  },
  {
    name: 'a share of nothing',
    text: blueGreen('weights: {}, overrides: [{ match: { percent: { share: 10% } }, pool: green }]'),
    problems: ['/services/web/overrides/0/match/percent/of  the key "of" is missing: What is shared out: exactly one of these keys.'],
  },
  {
    name: 'sticky sessions in the wrong place',
    text: pool('targets: [], sticky: {}'),
    problems: ['/services/web/pools/blue/sticky  unknown key "sticky" here; it belongs to services.NAME'],
  },
  {
    name: 'limits in a place that will never have them',
    text: blueGreen('weights: {}, limits: { bodyBytes: 0 }'),
    problems: ['/services/web/limits  unknown key "limits" here; it belongs to listeners[] and services.NAME.pools.NAME'],
  },
  {
    name: 'a buffer for bodies that is too large',
    text: blueGreen('weights: {}, retry: { bodyBuffer: 2MiB }'),
    problems: ['/services/web/retry/bodyBuffer  expected a size up to 1MiB, found "2MiB"; longer bodies are sent once'],
  },
  {
    name: 'TLS without a certificate',
    text: beside('listeners: [{ name: web, address: ":443", tls: {} }]'),
    problems: ['/listeners/0/tls  the certificate is missing; add "cert" and "key", or a list of "certificates"'],
  },
  {
    name: 'TLS with half a certificate',
    text: beside('listeners: [{ name: web, address: ":443", tls: { key: k } }]'),
    problems: ['/listeners/0/tls  "key" is given without "cert"; a certificate is of no use without its key, so name both'],
  },
  {
    name: 'TLS with a certificate beside the list, and one twice',
    text: beside(
      'listeners: [{ name: web, address: ":443", tls: { key: k, certificates: [{ cert: a, key: a }, { cert: b, key: b }, { cert: a, key: c }] } }]',
    ),
    problems: [
      '/listeners/0/tls/key  "key" beside "certificates" would be one too many; move it into the list',
      '/listeners/0/tls/certificates/2/cert  "a" is number 1 of the list already; remove one',
    ],
  },
  {
    name: 'a version of TLS that is too old',
    text: beside('listeners: [{ name: web, address: ":443", tls: { cert: c, key: k, minVersion: "1.1" } }]'),
    problems: ['/listeners/0/tls/minVersion  expected "1.2" or "1.3", found "1.1"; did you mean "1.2"?'],
  },
  {
    name: 'a listener with a list of no certificates',
    text: beside('listeners: [{ name: web, address: ":443", tls: { certificates: [] } }]'),
    problems: ['/listeners/0/tls/certificates  expected at least one item, found an empty list; add one'],
  },
  {
    name: 'a redirect from https to itself',
    text: beside('listeners: [{ name: web, address: ":443", redirectToHttps: 443, tls: { cert: c, key: k } }]'),
    problems: ['/listeners/0/redirectToHttps  a listener with tls would redirect to itself for ever; put it on a listener without tls'],
  },
  { name: 'rollouts', text: beside('rollouts: []'), problems: ['/rollouts  "rollouts" is not supported yet; remove the key'] },
  {
    name: 'admin on a unix socket',
    text: beside('admin: { address: "unix:/run/sluice.sock" }'),
    problems: ['/admin/address  an address on a unix socket is not supported yet; use host:port'],
  },
  {
    name: 'admin off loopback without tokens',
    text: beside('admin: { address: ":8081" }'),
    problems: [
      '/admin/address  without tokens anybody who reaches 0.0.0.0:8081 could move traffic; add admin.tokens, or listen on "127.0.0.1:8081"',
    ],
  },
  {
    name: 'a misspelt role',
    text: beside('admin: { tokens: [{ name: ci, role: opertor, tokenFile: /t }] }'),
    problems: ['/admin/tokens/0/role  expected "viewer", "operator" or "admin", found "opertor"; did you mean "operator"?'],
  },
  {
    name: 'two tokens of one name',
    text: beside('admin: { tokens: [{ name: ci, role: viewer, tokenFile: /a }, { name: ci, role: admin, tokenFile: /b }] }'),
    problems: ['/admin/tokens/1/name  another token is named "ci" already; the journal could not tell them apart'],
  },
  {
    name: 'token names that the journal needs for itself',
    text: beside('admin: { tokens: [{ name: file, role: viewer, tokenFile: /a }, { name: anonymous, role: admin, tokenFile: /b }] }'),
    problems: [
      '/admin/tokens/0/name  "file" is how the journal names what the config file changes; choose another name',
      '/admin/tokens/1/name  "anonymous" is how the journal names what is changed without a token; choose another name',
    ],
  },
  {
    name: 'workers as text',
    text: beside('workers: "4"'),
    problems: ['/workers  expected a whole number from 0 to 512 or "auto", found "4"; write 4, without quotes'],
  },
  {
    name: 'too many workers',
    text: beside('workers: 1000'),
    problems: ['/workers  expected a whole number from 0 to 512 or "auto", found the number 1000'],
  },
  {
    name: 'a log level of other programs',
    text: beside('log: { level: warning }'),
    problems: ['/log/level  expected "debug", "info", "warn", "error" or "silent", found "warning"; did you mean "warn"?'],
  },
  { name: 'an empty dataDir', text: beside('dataDir: ""'), problems: ['/dataDir  expected text that is not empty, found ""'] },
  {
    name: 'a route to a service that is not there',
    text: beside('routes: [{ service: wep }]'),
    problems: ['/routes/0/service  there is no service "wep"; did you mean "web"?'],
  },
  {
    name: 'routes that are empty',
    text: beside('routes: []'),
    problems: ['/routes  expected at least one item, found an empty list; leave the key out for the default'],
  },
  {
    name: 'several services and no routes',
    text: 'services: { web: { pools: { a: { targets: [] } } }, api: { pools: { a: { targets: [] } } } }',
    problems: [
      '/routes  the key "routes" is missing, and with several services only you can know; for example [{ match: { host: "api.example" }, service: api }, { service: web }]',
    ],
  },
  {
    name: 'a host with a port',
    text: matching('host: "shop.example:8080"'),
    problems: [
      '/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "shop.example:8080"; a route matches every port; write "shop.example"',
    ],
  },
  {
    name: 'a host that is a URL',
    text: matching('host: "http://shop.example"'),
    problems: [
      '/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "http://shop.example"; write the host alone, without scheme and path',
    ],
  },
  {
    name: 'a wildcard inside a host',
    text: matching('host: "api.*.example"'),
    problems: [
      '/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "api.*.example"; the wildcard stands for whole labels, at the very front: "*.shop.example"',
    ],
  },
  {
    name: 'a wildcard alone as host',
    text: matching('host: "*"'),
    problems: [
      '/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "*"; leave host out to match every host',
    ],
  },
  {
    name: 'a host beyond ASCII',
    text: matching('host: "*.bücher.example"'),
    problems: [
      '/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "*.bücher.example"; hosts arrive in ASCII; write "*.xn--bcher-kva.example"',
    ],
  },
  {
    name: 'a path without a slash',
    text: matching('path: api/*'),
    problems: ['/routes/0/match/path  expected a path such as "/api/*" or "/login", found "api/*"; it begins with a slash; write "/api/*"'],
  },
  {
    name: 'a path with a star in it',
    text: matching('path: /api*'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/api*"; "*" may stand only at the very end, after a slash',
    ],
  },
  {
    name: 'a path with a query',
    text: matching('path: /search?q=1'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/search?q=1"; conditions on the query go under "query"',
    ],
  },
  {
    name: 'a path with a fragment',
    text: matching('path: "/a#b"'),
    problems: ['/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/a#b"; the part after # never reaches a server'],
  },
  {
    name: 'a path beyond ASCII',
    text: matching('path: /grüße/*'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/grüße/*"; paths arrive percent-encoded; write "/gr%C3%BC%C3%9Fe/*"',
    ],
  },
  {
    name: 'a path with an escape that nobody needs',
    text: matching('path: /%7Euser/*'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/%7Euser/*"; a path is compared when its escapes and dots are resolved; write "/~user/*"',
    ],
  },
  {
    name: 'a path with dots',
    text: matching('path: /a/../b'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/a/../b"; a path is compared when its escapes and dots are resolved; write "/b"',
    ],
  },
  {
    name: 'a prefix that ends in dots',
    text: matching('path: /a/b/../*'),
    problems: [
      '/routes/0/match/path  expected a path such as "/api/*" or "/login", found "/a/b/../*"; a path is compared when its escapes and dots are resolved; write "/a/*"',
    ],
  },
  {
    name: 'an IPv6 host that nobody sends so',
    text: matching('host: "[0:0::1]"'),
    problems: ['/routes/0/match/host  expected a host such as "shop.example" or "*.shop.example", found "[0:0::1]"; write "[::1]"'],
  },
  {
    name: 'a method in small letters',
    text: matching('methods: [get]'),
    problems: [
      '/routes/0/match/methods/0  expected a method in capitals such as "GET", found "get"; methods are case-sensitive; write "GET"',
    ],
  },
  {
    name: 'methods that are one text',
    text: matching('methods: GET'),
    problems: ['/routes/0/match/methods  expected a list, found "GET"; write ["GET"]'],
  },
  {
    name: 'a field value that is a number',
    text: matching('headers: { x-canary: 1 }'),
    problems: ['/routes/0/match/headers/x-canary  expected text, found the number 1; put it in quotes: "1"'],
  },
  {
    name: 'a field name that is none',
    text: matching('headers: { "x canary": "1" }'),
    problems: ['/routes/0/match/headers/x canary  expected a name without spaces, colons or other separators, found "x canary"'],
  },
  {
    name: 'a field given twice',
    text: matching('headers: { X-Canary: "1", x-canary: "2" }'),
    problems: ['/routes/0/match/headers/x-canary  the field "x-canary" stands here twice; case does not count'],
  },
  {
    name: 'a cookie value with white space around it',
    text: matching('cookies: { beta: " 1" }'),
    problems: [
      '/routes/0/match/cookies/beta  expected a value that HTTP can carry, found " 1"; white space around it never arrives; write "1"',
    ],
  },
  {
    name: 'a route that can never match',
    text: matching('host: Shop.example, methods: [GET, PUT] }, service: web }, { match: { methods: [PUT, GET], host: shop.example'),
    problems: ['/routes/1  this route can never match: route 1 (/routes/0) has the same conditions and stands earlier; remove one'],
  },
  {
    name: 'a wrong port does not hide a wrong pool',
    text: 'listeners: [{ name: web, address: 80 }]\nservices: { web: { pools: { blue: { targets: [5] } }, weights: { bleu: 1 } } }\nroutes: [{ service: wob }]',
    problems: [
      '/listeners/0/address  expected an address such as "0.0.0.0:8080", found the number 80; write ":80" for all addresses or "127.0.0.1:80"',
      '/services/web/pools/blue/targets/0  expected a URL such as "http://10.0.0.7:3000", found the number 5',
      '/services/web/weights/bleu  the service has no pool "bleu"; did you mean "blue"?',
      '/routes/0/service  there is no service "wob"; did you mean "web"?',
    ],
  },
];

test.each(badDocuments)('$name is reported in these words', ({ text, problems }) => {
  const result = checkText(text, 'sluice.yaml');
  expect(
    result.kind === 'invalid' && result.problems.map(({ pointer, message }) => `${pointer === '' ? '/' : pointer}  ${message}`),
  ).toEqual(problems);
});
