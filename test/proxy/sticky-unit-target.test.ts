import { describe, expect, test } from 'vitest';
import { Browser, day, hour, key, readSetCookies, Site, start, stickyDefaults, type Worker } from './sticky-unit-site.ts';

const targets = { blue: ['a', 'b', 'c'], green: ['a', 'b'] };
const byCookie = { target: true } as const;
const byHeader = { target: true, key: { from: 'header', name: 'x-user' } } as const;
const ann = { 'x-user': 'ann' };

function aSite(sticky: Partial<Site['sticky']> = byCookie): Site {
  return new Site({ blue: 100, green: 0 }, sticky).change({ targets });
}

/** A browser that was sent to target b of pool 0. */
function bound(worker: Worker, headers: Readonly<Record<string, string>> = {}): Browser {
  const browser = new Browser(headers);
  browser.visit(worker, start);
  browser.keep(worker.clients.targetCookie(0, 'b', false));
  return browser;
}

const targetOf = (browser: Browser, { clients, pools }: Worker, pool = 0): string | undefined =>
  clients.boundTarget(browser.subject, pool, pools[pool]!)?.id;

describe('a client that is bound to a target', () => {
  test.each([
    { sticky: byCookie, name: 'sluice_id_t' },
    { sticky: byHeader, name: 'sluice_t' },
    { sticky: { ...byCookie, key: { from: 'own' as const, cookie: 'who' } }, name: 'who_t' },
  ])('has a cookie $name with the attributes of the other', ({ sticky, name }) => {
    const { clients } = aSite(sticky).worker();
    expect(clients.bindsTargets).toBe(true);
    const attributes = ['Path=/', 'Max-Age=86400', 'HttpOnly', 'SameSite=Lax'];
    expect(readSetCookies(clients.targetCookie(0, 'b', false))).toEqual([
      { name, value: expect.stringMatching(/^[\w.-]{1,40}$/), attributes },
    ]);
    expect(readSetCookies(clients.targetCookie(0, 'b', true))[0]!.attributes).toContain('Secure');
  });

  test('finds it again in every worker, after a restart and in later revisions', () => {
    const site = aSite();
    const worker = site.worker();
    const browser = bound(worker);
    expect([worker, site.worker(), site.change({}).worker(worker), site.worker()].map((each) => targetOf(browser, each))).toEqual([
      'b',
      'b',
      'b',
      'b',
    ]);
  });

  test('finds it in another place of the list, and not where it is gone', () => {
    const site = aSite();
    const worker = site.worker();
    const browser = bound(worker);
    expect(targetOf(browser, site.change({ targets: { blue: ['x', 'c', 'b', 'a'] } }).worker(worker))).toBe('b');
    expect(targetOf(browser, site.change({ targets: { blue: ['a', 'c'] } }).worker(worker))).toBeUndefined();
    expect(targetOf(browser, site.change({ targets: { blue: [] } }).worker(worker))).toBeUndefined();
    expect(targetOf(browser, site.change({ targets }).worker(worker))).toBe('b');
  });

  test('is bound to none of another pool or another service', () => {
    const worker = aSite().worker();
    const browser = bound(worker);
    expect(targetOf(browser, worker, 1)).toBeUndefined();
    const shop = new Site({ blue: 100, green: 0 }, byCookie, 'shop').change({ targets }).worker();
    expect(targetOf(browser, shop)).toBeUndefined();
  });

  test('cannot choose one by itself', () => {
    const worker = aSite().worker();
    const browser = bound(worker);
    const real = browser.cookies.get('sluice_id_t')!;
    const token = real.split('.')[0]!;
    expect(token).toHaveLength(22);
    const forged = ['', 'b', 'a', 'b.', '.', token.slice(1), `${token}x`];
    for (let at = 0; at < token.length; at++) {
      for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        if (changed !== token) forged.push(changed, `${changed}.${real.split('.')[1]!}`);
      }
    }
    const accepted = forged.filter((value) => {
      browser.cookies.set('sluice_id_t', value);
      return targetOf(browser, worker) !== undefined;
    });
    expect(accepted).toEqual([]);
  });

  test('stays bound while keys are rotated', () => {
    for (const sticky of [byCookie, byHeader]) {
      const site = aSite(sticky);
      let worker = site.worker();
      const browser = bound(worker, ann);
      for (const keys of [['k2', 'k1'], ['k3', 'k2'], ['k3']]) {
        worker = site.change({ keys: keys.map(key) }).worker(worker);
        browser.visit(worker, start + 1);
        expect(targetOf(browser, worker)).toBe('b');
        expect(browser.visit(worker, start + 2).setCookie).toBe('');
      }
      expect(targetOf(bound(worker, ann), aSite(sticky).worker())).toBeUndefined();
    }
  });

  test.each([{ sticky: byCookie }, { sticky: byHeader }])('stays bound as long as it comes back in time: $sticky', ({ sticky }) => {
    const site = aSite(sticky);
    const browser = bound(site.worker(), ann);
    let [givenMs, value] = [start, ''];
    for (let visit = 1; visit <= 20; visit++) {
      const atMs = start + visit * 0.4 * day;
      const worker = site.worker();
      browser.visit(worker, atMs);
      const now = browser.cookies.get(worker.clients.targetCookie(0, 'b', false).split(/[ =]/)[1]!)!;
      if (now !== value) givenMs = atMs;
      value = now;
      expect(targetOf(browser, worker)).toBe('b');
      // As the browser counts: it would have dropped the cookie by then.
      expect(atMs - givenMs).toBeLessThan(day);
    }
  });

  test('is not told again of a target that is to take nobody, and gets no second cookie for nothing', () => {
    const worker = aSite(byHeader).worker();
    const browser = bound(worker, ann);
    expect(browser.ask(worker, start + day / 2 - 1)!.setCookie).toBe('');
    expect(readSetCookies(browser.ask(worker, start + day / 2)!.setCookie)).toHaveLength(1);
    worker.pools[0]!.targets[1]!.openToBound = false;
    expect(browser.ask(worker, start + day / 2)!.setCookie).toBe('');
    expect(targetOf(browser, worker)).toBe('b');
  });

  test('gets both cookies anew together', () => {
    const worker = aSite().worker();
    const browser = bound(worker);
    expect(browser.ask(worker, start + hour)!.setCookie).toBe('');
    // Although that of the target is younger: it would run out before the other is issued anew again.
    browser.visit(worker, start + 6 * hour);
    browser.keep(worker.clients.targetCookie(0, 'b', false));
    const names = readSetCookies(browser.ask(worker, start + day / 2)!.setCookie).map(({ name }) => name);
    expect(names).toEqual(['sluice_id', 'sluice_id_t']);
  });

  test.each(['', 'zz!', '-', '9'.repeat(400)])('and whose cookie says nonsense about its age (%j) has one', (issued) => {
    const worker = aSite(byHeader).worker();
    const browser = bound(worker, ann);
    browser.cookies.set('sluice_t', `${browser.cookies.get('sluice_t')!.split('.')[0]!}.${issued}`);
    expect(targetOf(browser, worker)).toBe('b');
    expect(() => browser.visit(worker, start)).not.toThrow();
  });
});

test('a pool has no cookie for a target that it has not', () => {
  expect(aSite().worker().clients.targetCookie(1, 'c', false)).toBe('');
});

test('clients are bound to targets only where that is asked for', () => {
  expect(aSite(stickyDefaults).worker().clients.bindsTargets).toBe(false);
});
