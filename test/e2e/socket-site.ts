/** What WebSockets live through, for the test, which is small, and for `bench/websockets.ts`, which is large. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { type SluiceProcess, startSluice, temporaryDirectory } from '../support/process.ts';
import { type LongApp, startLongApp } from './long-app.ts';
import { Crowd } from './long-crowd.ts';
import { lookUntil, tally } from './long-drain.ts';
import { type SocketApp, startSocketApp } from './socket-app.ts';
import { openClients, type SocketClient } from './socket-clients.ts';

const names = ['red', 'green', 'blue'] as const;
export const workers = 2;
/** Of `shop`, which splits, and `club`, which is sticky. */
const weights = { red: 5, green: 3, blue: 2 };
const weightTotal = 10;

export interface SiteSize {
  readonly webSockets: number;
  /** Clients of the sticky service: each comes twice, and once more at the end. */
  readonly members: number;
  /** On each way that is encrypted on one side or both. */
  readonly encrypted: number;
  readonly eventStreams: number;
  readonly moves: number;
}

/** One Sluice, three applications that are the pools of two services, one with a certificate, and one that streams events. */
export class SocketSite {
  readonly size: SiteSize;
  readonly sluice: SluiceProcess;
  readonly #t: TestContext;
  readonly #apps: readonly SocketApp[];
  readonly #vault: SocketApp;
  readonly #feeds: LongApp;
  readonly #authority: Authority;
  readonly #secureUrl: string;
  #clients: SocketClient[] = [];
  #members: SocketClient[] = [];
  #streams: Crowd | undefined;

  private constructor(t: TestContext, size: SiteSize, sluice: SluiceProcess, apps: Apps) {
    this.#t = t;
    this.size = size;
    this.sluice = sluice;
    this.#apps = apps.coloured;
    this.#vault = apps.vault;
    this.#feeds = apps.feeds;
    this.#authority = apps.authority;
    const listeners = sluice.events().find(({ msg }) => msg === 'ready')!['listeners'] as { name: string; address: string }[];
    this.#secureUrl = `https://${listeners.find(({ name }) => name === 'secure')!.address}`;
  }

  static async start(t: TestContext, size: SiteSize): Promise<SocketSite> {
    const authority = createAuthority();
    const certificate = authority.issue();
    const folder = temporaryDirectory(t);
    const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key'), ca: join(folder, 'ca.crt') };
    writeFileSync(files.cert, certificate.cert);
    writeFileSync(files.key, certificate.key);
    writeFileSync(files.ca, authority.cert);
    const coloured = await Promise.all(names.map((name) => startSocketApp(t, name)));
    const apps = { authority, coloured, vault: await startSocketApp(t, 'vault', certificate), feeds: await startLongApp(t, 'feeds') };
    const sluice = await startSluice(t, { document: documentOf(apps, files), workers });
    return new SocketSite(t, size, sluice, apps);
  }

  get all(): readonly SocketClient[] {
    return [...this.#clients, ...this.#members];
  }

  /** Opens everybody. @returns how many came where, of the clients that are not bound, and of those that are on their first visit */
  async open(): Promise<{ readonly split: Record<string, number>; readonly first: Record<string, number> }> {
    const { proxyUrl } = this.sluice;
    const { webSockets, members, encrypted, eventStreams } = this.size;
    const trusting = () => ({ ca: this.#authority.cert, servername: 'localhost' });
    this.#clients = await openClients(this.#t, proxyUrl, '/shop', webSockets);
    const split = tally(this.#clients.map(({ app }) => app));
    this.#members = await openClients(this.#t, proxyUrl, '/club/first', members);
    const first = tally(this.#members.map(({ app }) => app));
    this.#clients.push(
      ...(await openClients(this.#t, this.#secureUrl, '/shop/secure', encrypted, trusting)),
      ...(await openClients(this.#t, proxyUrl, '/vault/plain', encrypted)),
      ...(await openClients(this.#t, this.#secureUrl, '/vault/secure', encrypted, trusting)),
    );
    this.#streams = await Crowd.open(this.#t, proxyUrl, this.#feeds, { webSockets: 0, downloads: 0, eventStreams, held: 0 });
    return { split, first };
  }

  /** Each member comes again with its cookie. @returns where, beside where it was first */
  async comeAgain(): Promise<string[]> {
    const first = this.#members.slice(0, this.size.members);
    const options = (index: number) => ({ headers: { cookie: first[index]!.cookie } });
    const again = await openClients(this.#t, this.sluice.proxyUrl, `/club/again${this.#members.length}`, first.length, options);
    this.#members.push(...again);
    return again.map(({ app }, index) => `${first[index]!.app} ${app}`);
  }

  /** Moves weights so many times while everybody talks all the time. @returns how often each has spoken, at least */
  async moveAndTalk(): Promise<number> {
    const moves = { over: false };
    let rounds = 0;
    const talk = async () => {
      while (!moves.over) {
        await Promise.all(this.all.map((client) => client.exchange()));
        await this.#streams!.feed();
        rounds++;
      }
    };
    const talking = talk();
    // It is looked at below; if it fails first, nobody has left it unseen.
    talking.catch(() => {});
    for (let move = 1; move <= this.size.moves; move++) await this.#move(move);
    moves.over = true;
    await talking;
    await Promise.all([...this.#apps, this.#vault].map((app) => app.pingAll()));
    return rounds;
  }

  /** The last one gives everything to blue. */
  async #move(move: number): Promise<void> {
    const isLast = move === this.size.moves;
    const to = isLast ? { red: 0, green: 0, blue: 1 } : { red: (move * 37) % 101, green: (move * 61) % 101, blue: 1 + ((move * 13) % 101) };
    for (const service of ['shop', 'club', 'feeds']) {
      const { status, body } = await this.sluice.api('PUT', `/v1/services/${service}/weights`, to);
      if (status !== 200) throw new Error(`move ${move} of ${service} was answered ${status}: ${JSON.stringify(body)}`);
    }
  }

  /** Upgraded connections as the status counts them, and as they are, by service and pool. */
  async counts(): Promise<{ readonly told: Record<string, number>; readonly real: Record<string, number> }> {
    const real = tally(this.all.filter(({ closing }) => closing === '').map(({ path, app }) => `${path.split('/')[1]} ${app}`));
    const { services } = await this.sluice.status();
    const told: Record<string, number> = {};
    for (const [service, { pools }] of Object.entries(services)) {
      for (const [pool, { targets }] of Object.entries(pools)) {
        const upgraded = Object.values(targets).reduce((sum, { inFlightBy }) => sum + inFlightBy.upgraded, 0);
        if (upgraded > 0) told[`${service} ${pool}`] = upgraded;
      }
    }
    return { told, real };
  }

  /**
   * Everybody says goodbye in its own words, every second one by way of its application, while a drain of `shop` waits for it.
   * @returns what was said otherwise than heard, and how the drain was answered
   */
  async sayGoodbye(): Promise<{ readonly wrong: string[]; readonly drained: unknown }> {
    const drain = this.sluice.api('POST', '/v1/services/shop/pools/red/state?wait=drained', { state: 'drain', deadline: '60s' });
    const { all } = this;
    const words = all.map((_, index) => goodbyes[index % goodbyes.length]!(index));
    const heard = await Promise.all(all.map((client, index) => client.close(...words[index]!, by(index))));
    const expected = words.map(([code, reason]) => `${code} ${reason}`.trim());
    const apps = new Map([...this.#apps, this.#vault].map((app) => [app.name, app]));
    const closingsOf = (client: SocketClient) => apps.get(client.app)!.closings.get(client.path);
    // The last word of the close handshake may still be on its way to the application.
    await lookUntil(
      async () => all.map(closingsOf),
      (closings) => !closings.includes(undefined),
    );
    const wrong = all.flatMap((client, index) => {
      const seen = `${heard[index]} / ${closingsOf(client)}`;
      return seen === `${expected[index]} / ${expected[index]}` ? [] : [`${client.path}: said ${expected[index]}, heard ${seen}`];
    });
    return { wrong, drained: (await drain).body };
  }

  /** Everything that somebody has noticed. */
  get complaints(): string[] {
    const said = this.all.reduce((sum, client) => sum + client.said, 0);
    const heard = [...this.#apps, this.#vault].reduce((sum, app) => sum + app.heard, 0);
    const endings = this.#streams!.endings.map(({ kind, how }) => `${kind} ${how}`);
    const own = this.all.map(({ complaint }) => complaint).filter((complaint) => complaint !== '');
    return [...own, ...endings, ...this.#streams!.complaints, ...(said === heard ? [] : [`${said} messages were said and ${heard} heard`])];
  }
}

/** Where an exact split sends so many, at least and at most: each worker is right to within one. */
export function isExact(counts: Readonly<Record<string, number>>, total: number): boolean {
  return names.every((name) => Math.abs((counts[name] ?? 0) - (total * weights[name]) / weightTotal) <= workers);
}

const by = (index: number) => (index % 2 === 0 ? 'client' : 'app');

const goodbyes: readonly ((index: number) => [number, string])[] = [
  () => [1000, ''],
  () => [1001, 'moving on'],
  () => [1008, 'against the rules'],
  (index) => [4000 + (index % 1000), `reason ${index}`],
  () => [1011, 'x'.repeat(123)],
];

interface Apps {
  readonly authority: Authority;
  readonly coloured: readonly SocketApp[];
  readonly vault: SocketApp;
  readonly feeds: LongApp;
}

function documentOf({ coloured, vault, feeds }: Apps, { cert, key, ca }: Readonly<Record<'cert' | 'key' | 'ca', string>>): JsonObject {
  const pools = Object.fromEntries(coloured.map(({ name, url }) => [name, { targets: [url] }]));
  const feedPools = Object.fromEntries(coloured.map(({ name }) => [name, { targets: [feeds.url] }]));
  const route = (path: string, service: string) => ({ match: { path }, service });
  return {
    listeners: [
      { name: 'web', address: '127.0.0.1:0' },
      { name: 'secure', address: '127.0.0.1:0', tls: { cert, key } },
    ],
    services: {
      shop: { pools, weights },
      club: { pools, weights, sticky: {} },
      feeds: { pools: feedPools, weights },
      vault: { pools: { vault: { targets: [vault.url], tls: { ca } } } },
    },
    routes: [route('/shop/*', 'shop'), route('/club/*', 'club'), route('/vault/*', 'vault'), route('/events/*', 'feeds')],
    log: { level: 'info', access: true },
  };
}
