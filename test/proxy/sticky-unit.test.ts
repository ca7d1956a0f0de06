import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Recent } from '../../proxy/sticky/recent.ts';
import { Browser, day, hour, key, readSetCookies, Site, start } from './sticky-unit-site.ts';

const evenly = { blue: 50, green: 50 };

describe('a client without a cookie', () => {
  test('is given one, and is known by it from then on', () => {
    const worker = new Site(evenly).worker();
    const browser = new Browser();
    const first = browser.visit(worker, start);
    expect(first).toMatchObject({ isBound: false, fresh: expect.stringMatching(/^[\w-]{16}$/) });
    const second = browser.visit(worker, start + 1000);
    expect(second).toEqual({ hash: first.hash, pool: first.pool, isBound: true, setCookie: '', fresh: '' });
    // The common case costs no memory.
    expect(browser.visit(worker, start + 2000)).toBe(second);
  });

  test('is another one each time', () => {
    const worker = new Site(evenly).worker();
    const hashes = Array.from({ length: 100 }, () => new Browser().visit(worker, start).hash);
    expect(new Set(hashes).size).toBe(100);
  });

  test('belongs to the pools by their shares, to within one client', () => {
    const worker = new Site({ blue: 90, green: 9, red: 1 }).worker();
    const counts = [0, 0, 0];
    for (let n = 0; n < 1000; n++) counts[new Browser().visit(worker, start).pool]! += 1;
    for (const [pool, exact] of [900, 90, 10].entries()) expect(Math.abs(counts[pool]! - exact)).toBeLessThanOrEqual(1);
  });

  test('that sent more before it could know is one client, whichever answer arrives last', () => {
    const site = new Site(evenly);
    const worker = site.worker();
    const browser = new Browser();
    const places = [browser.visit(worker, start)];
    for (let more = 0; more < 5; more++) places.push(new Browser().visit(worker, start + 2000 * more, { fresh: places[0]!.fresh }));
    expect(new Set(places.map(({ hash }) => hash)).size).toBe(1);
    for (const { setCookie, fresh } of places) {
      expect(fresh).toBe(places[0]!.fresh);
      const other = new Browser();
      other.keep(setCookie);
      expect(other.visit(site.worker(), start + hour)).toMatchObject({ hash: places[0]!.hash, setCookie: '' });
    }
  });

  test('stays without one, and is for the split, where nothing can sign', () => {
    const site = new Site(evenly, { target: true }).change({ keys: [] });
    const worker = site.worker();
    expect(new Browser().ask(worker, start)).toBeUndefined();
    expect(worker.clients.bindsTargets).toBe(false);
  });
});

describe('the cookie', () => {
  test.each([
    { sticky: {}, encrypted: false, attributes: ['Path=/', 'Max-Age=86400', 'HttpOnly', 'SameSite=Lax'] },
    { sticky: {}, encrypted: true, attributes: ['Path=/', 'Max-Age=86400', 'HttpOnly', 'SameSite=Lax', 'Secure'] },
    {
      sticky: { secure: 'always' as const, sameSite: 'none' as const, cookiePath: '/shop', maxAgeMs: 1500 },
      encrypted: false,
      attributes: ['Path=/shop', 'Max-Age=1', 'HttpOnly', 'SameSite=None', 'Secure'],
    },
    { sticky: { sameSite: 'strict' as const }, encrypted: false, attributes: ['Path=/', 'Max-Age=86400', 'HttpOnly', 'SameSite=Strict'] },
  ])('says $attributes', ({ sticky, encrypted, attributes }) => {
    const worker = new Site(evenly, { ...sticky, key: { from: 'own', cookie: 'who' } }).worker();
    const { setCookie } = new Browser().visit(worker, start, { encrypted });
    expect(setCookie.endsWith('\r\n')).toBe(true);
    expect(readSetCookies(setCookie)).toEqual([{ name: 'who', value: expect.any(String), attributes }]);
  });

  test.each(['move', 'keep'] as const)('is short and needs no quotes (%s)', (onShrink) => {
    const site = new Site(evenly, { onShrink });
    site.revision = 1_000_000;
    const browser = new Browser();
    browser.visit(site.worker(), start);
    // RFC 6265 section 4.1.1, of which "=" would be misread by careless readers.
    expect(browser.id).toMatch(/^[\w.-]{1,80}$/);
    expect(browser.id).not.toMatch(/blue|green/);
  });

  test('gives the same place in every worker, and after a restart', () => {
    const site = new Site({ blue: 60, green: 30, red: 10 });
    const workers = [site.worker(), site.worker(), site.worker()];
    for (let n = 0; n < 50; n++) {
      const browser = new Browser();
      const { hash, pool } = browser.visit(workers[0]!, start);
      for (const worker of workers) expect(browser.visit(worker, start + 1)).toMatchObject({ hash, pool, isBound: true, setCookie: '' });
    }
  });

  test('outlives revisions that leave slots where they are', () => {
    const site = new Site(evenly, { onShrink: 'keep' });
    const browser = new Browser();
    let worker = site.worker();
    const { hash, pool } = browser.visit(worker, start);
    for (let n = 0; n < 5; n++) {
      worker = site.change({}).worker(worker);
      expect(browser.visit(worker, start + n * 1000)).toMatchObject({ hash, pool, isBound: true, setCookie: '' });
    }
  });

  test('of which any character was changed, added or left out makes a new client', () => {
    const worker = new Site(evenly, { onShrink: 'keep' }).worker();
    const browser = new Browser();
    const { hash } = browser.visit(worker, start);
    // Remembered or not: in one case by the worker that has seen the real one.
    expect(browser.visit(worker, start).hash).toBe(hash);
    const real = browser.id;
    const forged: string[] = ['', '.', real + real, real.toUpperCase()];
    for (let at = 0; at <= real.length; at++) {
      const [before, after] = [real.slice(0, at), real.slice(at + 1)];
      forged.push(before + after, before, ...'ABQgwxyz0189-_.=~ '.split('').map((character) => before + character + real.slice(at)));
      for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ~\u00e9\0')
        forged.push(before + character + after);
      // What a careless narrowing to one byte would take for the same.
      if (at < real.length) forged.push(before + String.fromCharCode(real.charCodeAt(at) + 256) + after);
    }
    const accepted = forged.filter((value) => {
      if (value === real) return false;
      browser.id = value;
      return browser.ask(worker, start)!.fresh === '';
    });
    expect(accepted).toEqual([]);
  });

  test('of another service makes a new client, even with the same keys', () => {
    const [web, shop] = [new Site(evenly), new Site(evenly, {}, 'shop')];
    const browser = new Browser();
    const { fresh } = browser.visit(web.worker(), start);
    const place = browser.visit(shop.worker(), start);
    expect(place.fresh).toMatch(/^[\w-]{16}$/);
    expect(place.fresh).not.toBe(fresh);
  });

  test('that is remembered for one service is none of another of the same snapshot', () => {
    const keys = [key('k1')];
    const web = new Site(evenly).worker(undefined, keys);
    const shop = new Site(evenly, {}, 'shop').worker(undefined, keys);
    const browser = new Browser();
    browser.visit(web, start);
    expect(browser.visit(web, start).fresh).toBe('');
    expect(browser.visit(shop, start).fresh).not.toBe('');
  });
});

test('a cookie has the form that it always had, or an upgrade would make everybody new', () => {
  const site = new Site(evenly, { onShrink: 'keep' });
  const { setCookie } = new Browser().visit(site.worker(), start, { random: () => 0.7 });
  expect(readSetCookies(setCookie)[0]!.value).toBe('1.szMzszMzszMzszMz.1m0eojt.1.t85s00.k1.I5ahcAVPddKAiZNRZHfBfw');
});

describe('a cookie that gets old', () => {
  test.each([
    { age: 0, becomes: 'stays' },
    { age: day / 2 - 1, becomes: 'stays' },
    { age: day / 2, becomes: 'is renewed' },
    { age: day - 1, becomes: 'is renewed' },
    { age: day, becomes: 'is replaced' },
    { age: 100 * day, becomes: 'is replaced' },
    { age: -hour, becomes: 'stays' }, // clocks of two machines differ
  ])('by $age ms $becomes', ({ age, becomes }) => {
    const site = new Site(evenly);
    const browser = new Browser();
    const { hash, fresh } = browser.visit(site.worker(), start);
    const given = browser.id;
    for (const worker of [site.worker(), site.worker()]) {
      browser.id = given;
      const place = browser.visit(worker, start + age);
      expect(place.hash === hash).toBe(becomes !== 'is replaced');
      expect(place.fresh === '').toBe(becomes !== 'is replaced');
      expect(place.isBound).toBe(becomes !== 'is replaced');
      expect(place.setCookie === '').toBe(becomes === 'stays');
      expect(place.fresh).not.toBe(fresh);
    }
  });

  test('in a worker that remembers it, is renewed and replaced in time all the same', () => {
    const worker = new Site(evenly).worker();
    const browser = new Browser();
    const { hash } = browser.visit(worker, start);
    expect(browser.ask(worker, start + 1)).toMatchObject({ hash, setCookie: '' });
    expect(browser.ask(worker, start + day / 2)!.setCookie).not.toBe('');
    expect(browser.ask(worker, start + day)!.hash).not.toBe(hash);
  });

  test('never loses a client that comes back in time', () => {
    const site = new Site(evenly);
    const browser = new Browser();
    const { hash } = browser.visit(site.worker(), start);
    for (let visit = 1; visit <= 50; visit++) expect(browser.visit(site.worker(), start + visit * 0.9 * day).hash).toBe(hash);
  });

  test('is measured by the age that clients may have now', () => {
    const site = new Site(evenly);
    const browser = new Browser();
    const { hash } = browser.visit(site.worker(), start);
    const worker = site.change({ sticky: { ...site.sticky, maxAgeMs: hour } }).worker();
    expect(browser.ask(worker, start + hour - 1)!.hash).toBe(hash);
    expect(browser.ask(worker, start + hour)!.hash).not.toBe(hash);
  });
});

describe('when keys are rotated', () => {
  test('everybody who comes while the old key is still known stays who they are', () => {
    const site = new Site(evenly);
    let worker = site.worker();
    const browsers = Array.from({ length: 20 }, () => new Browser());
    const hashes = browsers.map((browser) => browser.visit(worker, start).hash);
    for (const [round, keys] of [['k2', 'k1'], ['k3', 'k2'], ['k4', 'k3'], ['k4']].entries()) {
      worker = site.change({ keys: keys.map(key) }).worker(worker);
      const places = browsers.map((browser) => browser.visit(worker, start + round + 1));
      expect(places.map(({ hash }) => hash)).toEqual(hashes);
      // Signed anew by the first key, once.
      expect(places.every(({ setCookie }) => (setCookie === '') === (round === 3))).toBe(true);
      expect(browsers.every((browser) => browser.id.includes(`.${keys[0]!}.`))).toBe(true);
      expect(browsers.every((browser) => browser.ask(worker, start + round + 1)!.setCookie === '')).toBe(true);
    }
  });

  test('a cookie signed by a key that is gone makes a new client, even where it was known before', () => {
    const site = new Site(evenly);
    let worker = site.worker();
    const browser = new Browser();
    const { hash } = browser.visit(worker, start);
    expect(browser.visit(worker, start).hash).toBe(hash);
    worker = site.change({ keys: [key('k2')] }).worker(worker);
    expect(browser.visit(worker, start).hash).not.toBe(hash);
  });

  test('a key with the id of another is another', () => {
    const site = new Site(evenly);
    const worker = site.worker();
    const browser = new Browser();
    const { hash } = browser.visit(worker, start);
    browser.visit(worker, start);
    const next = site.change({ keys: [{ id: 'k1', secret: key('x').secret }] }).worker(worker);
    expect(browser.visit(next, start).hash).not.toBe(hash);
  });

  test.each(['', 'a.b', 'a b', 'x'.repeat(33)])('a key with the id %j is refused', (id) => {
    expect(() => new Site(evenly).change({ keys: [{ id, secret: key('x').secret }] }).worker()).toThrow(/can stand in a cookie/);
  });
});

describe('a client known by something else', () => {
  const byHeader = { key: { from: 'header', name: 'x-user' } } as const;

  test('is in the same pool in every worker, without a cookie', () => {
    const site = new Site(evenly, byHeader);
    const places = Array.from({ length: 100 }, (_, n) => {
      const browser = new Browser({ 'x-user': `user-${n}` });
      const place = browser.visit(site.worker(), start);
      expect(browser.visit(site.worker(), start + 100 * day)).toEqual(place);
      expect(place).toMatchObject({ setCookie: '', fresh: '', isBound: false });
      return place;
    });
    expect(new Set(places.map(({ hash }) => hash)).size).toBe(100);
    expect(new Set(places.map(({ pool }) => pool))).toEqual(new Set([0, 1]));
  });

  test('needs no key of ours', () => {
    const worker = new Site(evenly, byHeader).change({ keys: [] }).worker();
    expect(new Browser({ 'x-user': 'ann' }).ask(worker, start)).toBeDefined();
  });

  test.each([{}, { 'x-user': '' }])('is none where the request says nothing: %j', (headers) => {
    expect(new Browser(headers).ask(new Site(evenly, byHeader).worker(), start)).toBeUndefined();
  });

  test('is known by address, too', () => {
    const worker = new Site(evenly, { key: { from: 'address' } }).worker();
    const hashes = ['192.0.2.1', '192.0.2.2', '192.0.2.1'].map((address) => new Browser().visit(worker, start, { address }).hash);
    expect(hashes[2]).toBe(hashes[0]);
    expect(hashes[1]).not.toBe(hashes[0]);
  });

  test('does not make forgotten what another service has given', () => {
    const worker = new Site(evenly, byHeader).worker();
    expect(new Browser({ 'x-user': 'ann' }).ask(worker, start, { fresh: 'AAAABBBBCCCCDDDD' })!.fresh).toBe('AAAABBBBCCCCDDDD');
  });

  test('has a place of its own in each service', () => {
    const places = ['web', 'shop', 'api'].map((id) => {
      const worker = new Site(evenly, byHeader, id).worker();
      return Array.from({ length: 64 }, (_, n) => new Browser({ 'x-user': `user-${n}` }).visit(worker, start).pool).join('');
    });
    expect(new Set(places).size).toBe(3);
  });
});

describe('what is remembered', () => {
  test('is bounded, and what is asked for stays', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.array(fc.nat(25), { minLength: 100, maxLength: 300 }), (max, wanted) => {
        const recent = new Recent<string>(max);
        const naive: string[] = [];
        for (const number of wanted) {
          const name = String(number);
          const found = recent.get(name);
          if (found === undefined) recent.set(name, name);
          else expect(found).toBe(name);
          // The last few that were asked for are always there, in the order of the last use.
          if (naive.slice(-Math.floor(max / 2)).includes(name)) expect(found).toBe(name);
          if (naive.includes(name)) naive.splice(naive.indexOf(name), 1);
          naive.push(name);
          expect(recent.size).toBeLessThanOrEqual(max);
        }
      }),
    );
  });

  test('does not grow with clients that never come back', () => {
    const recent = new Recent<number>(100);
    for (let n = 0; n < 10_000; n++) recent.set(String(n), n);
    expect(recent.size).toBeLessThanOrEqual(100);
    expect(recent.get('9999')).toBe(9999);
  });
});
