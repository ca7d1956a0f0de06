import { connect } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { type SluiceProcess, startSluice } from '../support/process.ts';
import { startApp } from './app.ts';

const people = 10_000;
const connections = 64;

/** Somebody with a browser: keeps the cookies that it is given, and remembers who answered. */
interface Person {
  cookie: string;
  readonly seen: string[];
}

function populate(): Person[] {
  return Array.from({ length: people }, () => ({ cookie: '', seen: [] }));
}

/** Each person asks once, over a few connections that they share as behind another proxy. */
async function visit(url: string, population: readonly Person[]): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: connections }, () => serve(url, () => population[next++])));
}

function serve(url: string, nextPerson: () => Person | undefined): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received = '';
    let person: Person | undefined;
    const ask = () => {
      person = nextPerson();
      if (person === undefined) socket.end(() => resolve());
      else socket.write(`GET / HTTP/1.1\r\nHost: shop.example\r\n${person.cookie === '' ? '' : `Cookie: ${person.cookie}\r\n`}\r\n`);
    };
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('connect', ask).on('error', reject);
    socket.on('data', (text: string) => {
      received += text;
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = received.slice(0, headEnd);
      const body = received.slice(headEnd + 4);
      if (body.length < Number(/^content-length: *(\d+)/im.exec(head)?.[1])) return;
      received = '';
      if (!head.startsWith('HTTP/1.1 200')) reject(new Error(head));
      const given = /^set-cookie: *([^;]+)/im.exec(head)?.[1];
      if (given !== undefined) person!.cookie = given;
      person!.seen.push(body);
      ask();
    });
  });
}

async function startShop(t: TestContext): Promise<SluiceProcess> {
  const [blue, green] = await Promise.all([startApp(t, 'blue'), startApp(t, 'green')]);
  const pools = { blue: { targets: [blue.url] }, green: { targets: [green.url] } };
  const document = { services: { shop: { pools, weights: { blue: 100, green: 0 }, sticky: {} } }, log: { level: 'info', access: false } };
  return startSluice(t, { document, workers: 2 });
}

const setGreen = (sluice: SluiceProcess, green: number) => sluice.api('PUT', '/v1/services/shop/weights', { blue: 100 - green, green });
const onGreen = (population: readonly Person[]) => population.filter(({ seen }) => seen.at(-1) === 'green').length;
const flips = ({ seen }: Person) => seen.filter((pool, index) => index > 0 && pool !== seen[index - 1]).length;

/** How far a share of people may be off, who fall into slots by chance: five standard deviations. */
const tolerance = (share: number) => 5 * Math.sqrt(people * share * (1 - share));

describe(`${people} people with cookies`, () => {
  test('a ramp from 0 to 100% moves each of them once, and never back', async (t) => {
    const sluice = await startShop(t);
    const population = populate();
    await visit(sluice.proxyUrl, population);
    for (const percent of [1, 5, 25, 50, 100]) {
      expect((await setGreen(sluice, percent)).status).toBe(200);
      await visit(sluice.proxyUrl, population);
      expect(Math.abs(onGreen(population) - (people * percent) / 100)).toBeLessThanOrEqual(tolerance(percent / 100));
    }
    expect(new Set(population.map(flips))).toEqual(new Set([1]));
  });

  test('an abort at 50% takes back all who moved, and nobody else', async (t) => {
    const sluice = await startShop(t);
    const population = populate();
    await visit(sluice.proxyUrl, population);
    for (const percent of [1, 5, 25, 50]) {
      await setGreen(sluice, percent);
      await visit(sluice.proxyUrl, population);
    }
    const moved = population.filter(({ seen }) => seen.at(-1) === 'green');
    expect((await setGreen(sluice, 0)).status).toBe(200);
    await visit(sluice.proxyUrl, population);
    expect(onGreen(population)).toBe(0);
    expect(new Set(moved.map(flips))).toEqual(new Set([2]));
    expect(population.filter((person) => flips(person) === 0)).toHaveLength(people - moved.length);
    // Who has been to the new version comes there first when it is tried again.
    await setGreen(sluice, 50);
    await visit(sluice.proxyUrl, population);
    expect(population.filter(({ seen }) => seen.at(-1) === 'green')).toEqual(moved);
  });
});
