import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkText } from '../config/load.ts';
import { objectsOf } from '../config/schema-node.ts';
import { unsupportedKeys } from '../config/unsupported.ts';
import type { Happening } from '../src/control/ports.ts';
import { mirrorDrops } from '../src/core/mirror-limits.ts';
import { runCli } from '../src/cli/cli.ts';
import { metricsTable } from '../src/telemetry/metrics.ts';

const pages = [...globSync('*.md'), ...globSync('docs/**/*.md')];
const traffic = readFileSync('docs/traffic.md', 'utf8');
const readme = readFileSync('README.md', 'utf8');

describe('links', () => {
  test.each(pages)('of %s lead somewhere', (page) => {
    const broken = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((link) => !leadsSomewhere(page, link));
    expect(broken).toEqual([]);
  });

  test('lead to every page of docs from README.md or from a page that it leads to', () => {
    const found = new Set(['README.md']);
    for (const page of found) {
      for (const [, link] of textOf(page).matchAll(/\]\(([^)\s#]+\.md)/g)) {
        const file = join(dirname(page), link!);
        if (!/^\w+:/.test(link!) && existsSync(file)) found.add(file);
      }
    }
    expect(pages.filter((page) => page.startsWith('docs/') && !found.has(page) && !page.startsWith('docs/decisions/'))).toEqual([]);
  });
});

test('the index of decisions has each of them, by its title', () => {
  const listed = [...textOf('docs/decisions/README.md').matchAll(/^\| \[(\d{4})\]\((.+?)\) \| (.+) \|$/gm)];
  const written = globSync('docs/decisions/0*.md').toSorted();
  const titles = written.map((page) => /^# (\d{4}) (.+)$/m.exec(textOf(page))!);
  expect(listed.map(([, number, file, title]) => [number, `docs/decisions/${file}`, title])).toEqual(
    titles.map(([, number, title], index) => [number, written[index], title]),
  );
});

describe('pieces of configuration', () => {
  const pieces = [...codeIn(readme, 'yaml'), ...codeIn(traffic, 'yaml'), ...codeIn(textOf('docs/clients.md'), 'yaml')];

  test.each(pieces)('that are shown load without a problem: %s', (piece) => {
    expect(checkText(stringify(completed(parse(piece))), 'shown.yaml')).toMatchObject({ kind: 'valid' });
  });
});

test('the glossary has each word once, in the order of the alphabet', () => {
  const words = [...textOf('GLOSSARY.md').matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map((match) => match[1]!);
  expect(words.length).toBeGreaterThan(50);
  expect(words).toEqual([...new Set(words)].toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)));
});

test('the commands that README.md and docs/traffic.md show exist', async () => {
  const code = [...codeIn(readme, 'sh'), ...codeIn(traffic, 'sh')].join('\n');
  const shown = new Set([...code.matchAll(/^(?:node bin\/sluice\.js|sluice) ([a-z]+)/gm)].map((match) => match[1]!));
  expect(shown.size).toBeGreaterThan(5);
  const names = await commandNames();
  expect([...shown].filter((name) => !names.includes(name))).toEqual([]);
});

describe('README.md', () => {
  const missing = /^Not there yet[^:]*: ([^.]+)\./m.exec(readme)![1]!.split(', ');
  const phrases: Readonly<Record<string, string>> = {
    'automatic rollouts': '/rollouts',
    notifications: '/notify',
    'TLS on the admin API': '/admin/tls',
  };

  test('counts among what is missing nothing that a configuration may ask for', () => {
    const keys = objectsOf(JSON.parse(readFileSync('config/sluice.schema.json', 'utf8'))).flatMap(({ node }) =>
      Object.keys(node.properties!),
    );
    expect(keys).toEqual(expect.arrayContaining(['sticky', 'mirrors', 'tls', 'proxyProtocol', 'limits', 'ejection']));
    // Keys of two letters are in too many words.
    const there = [...keys, 'websocket', 'encrypt', 'proxy protocol', 'https', 'retries', 'overload'].filter(({ length }) => length > 2);
    const others = missing.filter((phrase) => !Object.hasOwn(phrases, phrase));
    expect(others.filter((phrase) => there.some((name) => phrase.toLowerCase().includes(name.toLowerCase())))).toEqual([]);
    const places = missing.flatMap((phrase) => phrases[phrase] ?? []);
    expect(places.filter((place) => !unsupportedKeys.includes(place))).toEqual([]);
    const onSocket = 'listeners: [{ name: a, address: "unix:/run/a" }]\nservices: { s: { pools: { blue: { targets: [] } } } }';
    expect(checkText(onSocket, 'a.yaml').kind).toBe('invalid');
  });

  test('names in its table what there is', () => {
    const table = readme.slice(readme.indexOf('What it does today'), readme.indexOf('Not there yet'));
    const parts = ['overrides', 'sticky', 'drain', 'balance', 'limits', 'probes', 'ejection', 'retries', 'rescue', 'mirrors', 'metrics'];
    const wire = ['TLS', 'WebSockets', 'PROXY protocol', 'trusted proxies', 'overload'];
    expect([...parts, ...wire].filter((word) => !table.includes(word))).toEqual([]);
  });
});

test('docs/traffic.md lists the reasons for which copies are dropped, as the code has them', () => {
  const rows = [...sectionOf('Mirrors').matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, reason, text]) => [reason, text]);
  expect(Object.fromEntries(rows)).toEqual(mirrorDrops);
});

test('docs/traffic.md names metrics that there are, and every kind of event', () => {
  const names = [...new Set(Array.from(traffic.matchAll(/\bsluice_\w+/g), ([name]) => name))].filter((name) => !cookies.has(name));
  expect(names.filter((name) => !metricsTable.some((metric) => metric.name === name))).toEqual([]);
  expect(names.length).toBeGreaterThan(10);

  const kinds = { health: 0, told: 0, busy: 0, ejection: 0, state: 0, drain: 0, addresses: 0, keys: 0, certificates: 0 } satisfies Record<
    Happening['kind'],
    0
  >;
  const listed = /newest first: ((?:`\w+`(?:, )?)+)/.exec(sectionOf('What to watch'))![1]!;
  expect(listed.split(', ')).toEqual(Object.keys(kinds).map((kind) => `\`${kind}\``));
});

/** The other names with this prefix. */
const cookies = new Set(['sluice_id', 'sluice_id_pages', 'sluice_t']);

/** Without what is quoted: a link that is shown is none. */
function textOf(page: string): string {
  return readFileSync(page, 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
}

function leadsSomewhere(page: string, link: string): boolean {
  if (/^https?:/.test(link)) return true;
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  return existsSync(file) && (anchor === undefined || anchorsOf(file).includes(anchor));
}

/** As GitHub makes them of headings. */
function anchorsOf(file: string): string[] {
  return [...textOf(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function codeIn(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter((match) => match[1] === language).map((match) => match[2]!);
}

/** The page from this heading to the next. */
function sectionOf(heading: string): string {
  const start = traffic.indexOf(`\n## ${heading}\n`);
  expect(start).toBeGreaterThan(0);
  return traffic.slice(start).split(/\n(?=## )/)[1]!;
}

/** A piece of a service as a whole document, with the pools that it names. */
function completed(piece: Record<string, unknown>): Record<string, unknown> {
  if ('services' in piece) return piece;
  const pools = Object.fromEntries(['blue', 'green', 'shadow'].map((id, index) => [id, { targets: [`http://10.0.${index}.1:3000`] }]));
  return { services: { shop: { weights: { blue: 1 }, ...piece, pools: { ...pools, ...(piece['pools'] as object | undefined) } } } };
}

async function commandNames(): Promise<string[]> {
  let help = '';
  const output = { print: (text: string) => void (help += text), complain: () => {} };
  await runCli([], undefined as never, '0.0.0', output);
  return [...help.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]!);
}
