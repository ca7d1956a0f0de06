import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { printOfFiles, readNamedFiles } from '../../config/certificate-files.ts';
import { loadFile } from '../../config/load.ts';
import { NamedTexts } from '../../src/control/files/named-texts.ts';
import { TicketKey, ticketKeyMs } from '../../src/control/files/ticket-key.ts';
import type { Happening } from '../../src/control/ports.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';
import { createAuthority, dayMs, type Issued, type LeafOptions } from '../support/certificates.ts';
import { demoDocument, openBench, options, TestLog, weightsOf } from './support.ts';

const authority = createAuthority();

interface Site {
  readonly texts: NamedTexts;
  readonly log: TestLog;
  readonly events: Happening[];
  readonly changes: () => number;
  readonly path: (name: string) => string;
  /** Writes NAME.crt and NAME.key. */
  readonly write: (name: string, issued: Issued) => void;
  readonly document: (tls: JsonObject) => JsonObject;
  readonly clock: { ms: number; nowMs(): number };
}

function site(t: TestContext, before: FileTexts = new Map()): Site {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  t.onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = (name: string) => join(folder, name);
  const events: Happening[] = [];
  const log = new TestLog();
  const clock = { ms: Date.now(), nowMs: () => clock.ms };
  let count = 0;
  const texts = new NamedTexts({
    read: readNamedFiles,
    print: printOfFiles,
    before,
    events: { note: (event) => events.push(event) },
    log,
    clock,
    onChange: () => count++,
  });
  return {
    texts,
    log,
    events,
    clock,
    path,
    changes: () => count,
    write(name, { cert, key }) {
      writeFileSync(path(`${name}.crt`), cert);
      writeFileSync(path(`${name}.key`), key);
    },
    document: (tls) => ({ ...demoDocument, listeners: [{ name: 'web', address: '127.0.0.1:8443', tls }] }),
  };
}

function pair({ path }: Site, name: string): JsonObject {
  return { cert: path(`${name}.crt`), key: path(`${name}.key`) };
}

function issue(changes: LeafOptions = {}): Issued {
  return authority.issue({ names: ['shop.example'], ...changes });
}

/** A controller that goes by these files. */
async function bench({ texts }: Site, file: JsonObject | 'none', store?: Awaited<ReturnType<typeof openBench>>['parts']['store']) {
  const surroundings = {
    addresses: () => new Map<string, string[]>(),
    signingKeys: () => [],
    files: () => texts.texts(),
    ticketKey: () => '',
    gate: texts,
  };
  const opened = await openBench({ surroundings, followers: [texts], ...(store === undefined ? {} : { store }) }, file);
  // As the composition root does first of all.
  await opened.controller.refresh(1000);
  return opened;
}

test('a snapshot carries what the files hold, and no revision does', async (t) => {
  const here = site(t);
  const issued = issue();
  here.write('a', issued);
  const { controller } = await bench(here, here.document(pair(here, 'a')));
  expect([...controller.snapshot().files.values()]).toEqual([[issued.cert, issued.key]]);
  expect(JSON.stringify(controller.current())).not.toContain('BEGIN');
});

test.for([
  ['an expired certificate', issue({ validTo: new Date(Date.now() - dayMs) }), /expired on \d{4}-/],
  ['one that has not begun', issue({ validFrom: new Date(Date.now() + dayMs) }), /not valid before/],
  ['the key of another', { cert: issue().cert, key: issue().key }, /is not that of the certificate/],
  ['no certificate', { cert: '', key: issue().key }, /it is empty/],
  ['the two changed over', { cert: issue().key, key: issue().cert }, /the wrong way round/],
  ['a damaged certificate', { cert: issue().cert.replace(/M/g, 'A'), key: issue().key }, /damaged/],
  ['a locked key', { cert: issue().cert, key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\n' }, /passphrase/],
] as const)('a change that names %s is refused, and nothing has changed', async ([, issued, message], t) => {
  const here = site(t);
  here.write('a', issue());
  here.write('b', issued);
  const { controller } = await bench(here, here.document(pair(here, 'a')));
  const reply = await controller.execute(
    { kind: 'patch', patch: { listeners: [{ name: 'web', address: '127.0.0.1:8443', tls: pair(here, 'b') }] } },
    options,
  );
  if (reply.kind !== 'rejected') throw new Error('it was accepted');
  expect([reply.code, reply.problems?.[0]?.message]).toEqual(['INVALID', expect.stringMatching(message)]);
  for (const { pointer } of reply.problems ?? []) expect(pointer).toMatch(/^\/listeners\/0\/tls\/(cert|key)$/);
  expect([...controller.snapshot().files.keys()]).toEqual([JSON.stringify(Object.values(pair(here, 'a')))]);
});

test('a file that has been spoilt since does not stand in the way of moving traffic, nor of a restart', async (t) => {
  const here = site(t);
  const issued = issue();
  here.write('a', issued);
  const { controller, parts } = await bench(here, here.document(pair(here, 'a')));
  rmSync(here.path('a.key'));
  await here.texts.look();
  const reply = await controller.execute({ kind: 'weights', service: 'demo', weights: { blue: 1, green: 1 }, others: 'zero' }, options);
  expect([reply.kind, weightsOf(controller)]).toEqual(['accepted', { blue: 1, green: 1 }]);
  expect([...controller.snapshot().files.values()]).toEqual([[issued.cert, issued.key]]);
  expect(here.texts.warnings()).toEqual([expect.stringMatching(/is not used: cannot read .*a\.key.*no such file/)]);

  const again = { ...site(t), path: here.path };
  const { controller: second } = await bench(again, 'none', parts.store);
  expect(second.current().number).toBe(controller.current().number);
  expect(again.log.lines.map(({ level }) => level)).toEqual(['error']);
});

test.for([
  ['is missing', 'key', undefined],
  ['is damaged', 'crt', 'x'],
  ['is that of another', 'key', issue().key],
] as const)('a control process that comes back while a file %s goes on with what workers have', async ([, end, text], t) => {
  const here = site(t);
  const issued = issue();
  here.write('a', issued);
  const { controller, parts } = await bench(here, here.document(pair(here, 'a')));
  const { files } = controller.snapshot();
  if (text === undefined) rmSync(here.path(`a.${end}`));
  else writeFileSync(here.path(`a.${end}`), text);

  const again = { ...site(t, files), path: here.path };
  const { controller: second } = await bench(again, 'none', parts.store);
  expect(second.snapshot().files).toEqual(files);
  expect(again.texts.warnings()).toEqual([expect.stringMatching(/is not used: /)]);
  expect(again.log.lines.map(({ level }) => level)).toEqual(['error']);
  expect(again.events).toMatchObject([{ kind: 'certificates', to: 'refused' }]);
  await again.texts.look();
  expect([again.changes(), again.log.lines.length]).toEqual([0, 1]);

  const renewed = issue();
  here.write('a', renewed);
  await again.texts.look();
  expect([again.changes(), [...again.texts.texts().values()], again.texts.warnings()]).toEqual([1, [[renewed.cert, renewed.key]], []]);
});

test('a control process that comes back takes what was renewed while nobody looked, and says so', async (t) => {
  const here = site(t);
  const [old, renewed] = [issue(), issue()];
  here.write('a', old);
  const { controller, parts } = await bench(here, here.document(pair(here, 'a')));
  const { files } = controller.snapshot();
  here.write('a', renewed);
  const again = { ...site(t, files), path: here.path };
  const { controller: second } = await bench(again, 'none', parts.store);
  expect([...second.snapshot().files.values()]).toEqual([[renewed.cert, renewed.key]]);
  expect([again.log.lines, again.events.length]).toEqual([[], 1]);
});

test('a certificate that expires while Sluice is down is no reason not to start, but to complain', async (t) => {
  const here = site(t);
  here.write('a', issue({ validTo: new Date(Date.now() + dayMs) }));
  const { parts } = await bench(here, here.document(pair(here, 'a')));
  expect(here.texts.warnings()).toEqual([expect.stringMatching(/expires on/)]);
  const again = { ...site(t), path: here.path };
  again.clock.ms += 2 * dayMs;
  const { controller } = await bench(again, here.document(pair(here, 'a')), parts.store);
  expect(controller.snapshot().files.size).toBe(1);
  expect(again.texts.warnings()).toEqual([expect.stringMatching(/expired on/)]);
  expect(again.log.lines).toHaveLength(1);
});

test('a renewed pair comes into force once both files are there; until then the old one stays, and one line says why', async (t) => {
  const here = site(t);
  here.write('a', issue());
  const { controller } = await bench(here, here.document(pair(here, 'a')));
  await here.texts.look();
  expect([here.changes(), here.events, here.log.lines]).toEqual([0, [], []]);

  const before = here.texts.texts();
  const renewed = issue({ validTo: new Date(Date.now() + 700 * dayMs) });
  writeFileSync(here.path('a.crt'), renewed.cert);
  for (let time = 0; time < 3; time++) await here.texts.look();
  expect([here.texts.texts(), here.changes(), here.log.lines.length]).toEqual([before, 0, 1]);
  expect(here.events).toMatchObject([{ kind: 'certificates', to: 'refused', isLogged: true }]);

  writeFileSync(here.path('new.key'), renewed.key);
  renameSync(here.path('new.key'), here.path('a.key'));
  await here.texts.look();
  expect([...here.texts.texts().values()]).toEqual([[renewed.cert, renewed.key]]);
  expect([here.changes(), here.events.length, here.texts.warnings()]).toEqual([1, 2, []]);
  await controller.refresh(1000);
  expect([...controller.snapshot().files.values()]).toEqual([[renewed.cert, renewed.key]]);
  expect(controller.current().number).toBe(1);
});

test('a symbolic link that is turned to other files is noticed', async (t) => {
  const here = site(t);
  const [old, renewed] = [issue(), issue()];
  here.write('1', old);
  here.write('2', renewed);
  for (const end of ['crt', 'key']) symlinkSync(here.path(`1.${end}`), here.path(`live.${end}`));
  await bench(here, here.document(pair(here, 'live')));
  for (const end of ['crt', 'key']) {
    symlinkSync(here.path(`2.${end}`), here.path(`turned.${end}`));
    renameSync(here.path(`turned.${end}`), here.path(`live.${end}`));
  }
  await here.texts.look();
  expect([...here.texts.texts().values()]).toEqual([[renewed.cert, renewed.key]]);
});

test('what nobody names any more is forgotten', async (t) => {
  const here = site(t);
  here.write('a', issue());
  const { controller } = await bench(here, here.document(pair(here, 'a')));
  await controller.execute({ kind: 'patch', patch: { listeners: [{ name: 'web', address: '127.0.0.1:8443' }] } }, options);
  expect([here.texts.texts().size, controller.snapshot().files.size]).toEqual([0, 0]);
});

test('sluice check says line and column of what is wrong with the files', async (t) => {
  const here = site(t);
  here.write('a', issue());
  here.write('b', issue({ validTo: new Date(Date.now() - dayMs) }));
  const config = here.path('sluice.yaml');
  const listeners = [
    `  - { name: a, address: ":1", tls: { certificates: [${JSON.stringify(pair(here, 'a'))}, ${JSON.stringify(pair(here, 'b'))}] } }`,
    `  - { name: b, address: ":2", tls: { clients: { ca: ${here.path('none')} }, cert: ${here.path('a.crt')}, key: ${here.path('b.key')} } }`,
  ];
  writeFileSync(config, `listeners:\n${listeners.join('\n')}\nservices: { s: { pools: { p: { targets: ["http://127.0.0.1:1"] } } } }\n`);
  const strict = await loadFile(config);
  const found = strict.kind === 'invalid' ? strict.problems.map(({ line, pointer, message }) => [line, pointer, message]) : [];
  expect(found).toEqual([
    [2, '/listeners/0/tls/certificates/1/cert', expect.stringMatching(/expired/)],
    [3, '/listeners/1/tls/clients/ca', expect.stringMatching(/no such file/)],
    [3, '/listeners/1/tls/key', expect.stringMatching(/is not that of/)],
  ]);
});

test('the key of tickets is another one after a day', () => {
  let [now, count] = [0, 0];
  const key = new TicketKey(
    () => Buffer.alloc(48, ++count),
    () => now,
  );
  const first = key.text();
  now = ticketKeyMs - 1;
  expect([key.renew(), key.text()]).toEqual([false, first]);
  now = ticketKeyMs;
  expect([key.renew(), Buffer.from(key.text(), 'base64')]).toEqual([true, Buffer.alloc(48, 2)]);
  expect(key.renew()).toBe(false);
});

function listen({ document }: Site, tls: JsonObject): { readonly kind: 'patch'; readonly patch: JsonObject } {
  return { kind: 'patch', patch: { listeners: document(tls).listeners! } };
}

test('a certificate that is named with another key comes into force as it was read with that key, not as it was read before', async (t) => {
  const here = site(t);
  const [old, renewed] = [issue(), issue()];
  here.write('s', old);
  const { controller } = await bench(here, here.document(pair(here, 's')));
  writeFileSync(here.path('s.crt'), renewed.cert);
  writeFileSync(here.path('s2.key'), renewed.key);
  await here.texts.look();
  const last = { cert: here.path('s.crt'), key: here.path('s2.key') };
  const reply = await controller.execute(listen(here, last), options);
  expect(reply.kind).toBe('accepted');
  expect([...controller.snapshot().files.values()]).toEqual([[renewed.cert, renewed.key]]);
});

test('a file that is named as a certificate and as an authority may be renewed for the one and not yet for the other', async (t) => {
  const here = site(t);
  const [old, renewed] = [createAuthority('Self'), createAuthority('Self')];
  here.write('s', old);
  const { controller } = await bench(here, {
    ...here.document(pair(here, 's')),
    services: { demo: { pools: { blue: trusting(here.path('s.crt')) } } },
  });
  writeFileSync(here.path('s.crt'), renewed.cert);
  await here.texts.look();
  await controller.refresh(1000);
  expect([...controller.snapshot().files.values()]).toEqual([[old.cert, old.key], [renewed.cert]]);
});

/** A pool whose targets are trusted by a file. */
function trusting(ca: string): JsonObject {
  return { targets: ['https://127.0.0.1:3001'], tls: { ca } };
}

test('a file that has gone is no reason not to go back: what needs it does without, and everybody is told', async (t) => {
  const here = site(t);
  writeFileSync(here.path('api.pem'), authority.cert);
  here.write('a', issue());
  const { controller } = await bench(here, here.document(pair(here, 'a')));
  const put = async () =>
    controller.execute({ kind: 'putPool', service: 'demo', pool: 'api', document: trusting(here.path('api.pem')) }, options);
  expect((await put()).kind).toBe('accepted');
  await controller.execute({ kind: 'deletePool', service: 'demo', pool: 'api' }, options);
  rmSync(here.path('api.pem'));
  expect((await put()).kind).toBe('rejected');
  expect(here.log.lines).toEqual([]);

  expect((await controller.execute({ kind: 'undo' }, options)).kind).toBe('accepted');
  expect(here.texts.warnings()).toEqual([expect.stringMatching(/api\.pem now is not used: cannot read .*no such file/)]);
  expect(here.log.lines.map(({ level }) => level)).toEqual(['error']);
  expect(here.events).toMatchObject([{ kind: 'certificates', to: 'refused' }]);
  expect(controller.snapshot().files.size).toBe(1);

  writeFileSync(here.path('api.pem'), authority.cert);
  await here.texts.look();
  expect([here.changes(), here.texts.warnings(), here.texts.texts().size]).toEqual([1, [], 2]);
});

test('where somebody goes back to a certificate that has expired since, it is used', async (t) => {
  const here = site(t);
  const old = issue({ validTo: new Date(Date.now() + dayMs) });
  here.write('old', old);
  here.write('new', issue());
  const { controller } = await bench(here, here.document(pair(here, 'old')));
  await controller.execute(listen(here, pair(here, 'new')), options);
  here.clock.ms += 2 * dayMs;
  expect((await controller.execute(listen(here, pair(here, 'old')), options)).kind).toBe('rejected');
  expect((await controller.execute({ kind: 'restore', revision: 1 }, options)).kind).toBe('accepted');
  expect([...controller.snapshot().files.values()]).toEqual([[old.cert, old.key]]);
  expect(here.texts.warnings()).toEqual([expect.stringMatching(/expired on/)]);
});

test('a start with a changed file judges what it names anew, and what was named before as a start without changes does', async (t) => {
  const here = site(t);
  here.write('a', issue({ validTo: new Date(Date.now() + dayMs) }));
  here.write('b', issue());
  const { parts } = await bench(here, here.document(pair(here, 'a')));
  const start = (tls: JsonObject, place: Site) => bench(place, here.document(tls), parts.store);
  const later = (): Site => {
    const again = { ...site(t), path: here.path };
    again.clock.ms += 2 * dayMs;
    return again;
  };
  const again = later();
  rmSync(here.path('b.key'));
  await expect(start({ certificates: [pair(here, 'a'), pair(here, 'b')] }, again)).rejects.toThrow(/cannot be used/);
  here.write('b', issue());
  const third = later();
  const { controller } = await start({ certificates: [pair(here, 'a'), pair(here, 'b')] }, third);
  expect([controller.current().number, controller.snapshot().files.size]).toEqual([2, 2]);
  expect(third.log.lines.map(({ message }) => message)).toEqual(['a certificate in force is not valid now; it is used all the same']);
});

test('two certificates for one name are a warning: the first is shown', async (t) => {
  const here = site(t);
  here.write('a', issue({ names: ['shop.example', '*.shop.example'] }));
  here.write('b', issue());
  await bench(here, here.document({ certificates: [pair(here, 'a'), pair(here, 'b')] }));
  expect(here.texts.warnings()).toEqual([expect.stringMatching(/a\.crt" and in .*b\.crt" are both for "shop\.example"; the first/)]);
});
