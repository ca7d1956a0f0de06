/** The reference page of all keys, made from the schema: what is not in there is not documented, and what is documented exists. */
import type { Json } from '../src/core/json.ts';
import { listenAddressPattern, serverNamePattern, targetUrlPattern } from './addresses.ts';
import { instantPattern } from './instants.ts';
import * as names from './names.ts';
import { networkPattern } from './networks.ts';
import { hostFieldPattern, probePathPattern, statusRangesPattern } from './probe-values.ts';
import { objectsOf, plainSchema, type SchemaNode, type SchemaObject } from './schema-node.ts';
import { ConfigSchema } from './schema.ts';
import { durationPattern, percentPattern, positiveDurationPattern, sizePattern } from './units.ts';
import { pathOf, unsupportedKeys } from './unsupported.ts';

export function referencePage(): string {
  return `${[introduction, ...objectsOf(plainSchema(ConfigSchema)).map(section), notYet()].join('\n\n')}\n`;
}

const introduction = `<!-- Made by \`node config/publish-reference.ts\` from config/schema.ts and config/defaults.ts: change those, not this page. -->

# Configuration reference

The configuration is one file, YAML or JSON. [config/example.yaml](../config/example.yaml) is a small, complete, commented one;
the smallest that works is

\`\`\`yaml
services:
  web:
    pools:
      blue: { targets: ["http://10.0.0.1:3000"] }
\`\`\`

which listens on port 8080 and sends every request to that one target.

**Check a file before you use it:** \`sluice check -c sluice.yaml\` lists everything that is wrong in it, each with line, column, place and
what to type instead. Unknown keys are errors: a misspelt limit never counts as no limit.

**Let your editor help:** put \`# yaml-language-server: $schema=PATH/TO/config/sluice.schema.json\` in the first line.

| what | how it is written | notes |
|---|---|---|
| duration | \`250ms\` \`30s\` \`10m\` \`24h\` \`7d\` | a whole number and a unit; a bare number is refused, because nobody can tell its unit; at most \`365d\` |
| size | \`512B\` \`64KiB\` \`16MiB\` \`1GiB\` | units of 1024; \`64k\` is refused, because it means 64,000 to some and 65,536 to others |
| percentage | \`10%\` \`0.5%\` | from \`0%\` to \`100%\`, with at most six digits behind the point |
| instant | \`"2026-05-01T12:00:00Z"\` \`"2026-05-01T14:00+02:00"\` | ISO 8601, with its time zone |
| address | \`"0.0.0.0:8080"\` \`":8080"\` \`"[::1]:8081"\` \`"localhost:8080"\` | \`":8080"\` is every IPv4 address, \`"[::]:8080"\` IPv6 too, \`localhost\` is 127.0.0.1 |
| target URL | \`http://10.0.0.7:3000\` | scheme, host and port, nothing else; port 80 if none is given |
| network | \`10.0.0.0/8\` \`"fd00::/8"\` \`10.0.0.7\` | address and length of the prefix; an address alone is a network of one |
| id | \`blue\` \`shop-2\` \`v1.4\` | 1 to 64 of a-z, 0-9, \`.\`, \`_\` and \`-\`, with a letter or digit at both ends |

Text that begins with \`*\` needs quotes in YAML: \`host: "*.shop.example"\`.

In the headings below, \`NAME\` stands for a name that you choose and \`[]\` for each item of a list.`;

function section({ path, node }: SchemaObject): string {
  const heading = path === '' ? '## Top level' : `## \`${path}\``;
  const rows = Object.entries(node.properties ?? {}).map(([key, member]) => {
    const required = (node.required ?? []).includes(key);
    const fallback = member.default === undefined ? (required ? '**required**' : '–') : code(member.default);
    return `| \`${key}\` | ${cell(typeOf(member))} | ${cell(fallback)} | ${cell(member.description ?? '')} |`;
  });
  return [heading, '', node.description ?? '', '', '| key | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function notYet(): string {
  const keys = unsupportedKeys.map((place) => `\`${pathOf(place)}\``);
  return [
    '## Not supported yet',
    '',
    'These keys have a meaning in Sluice’s design and none in this release. They are refused by name, never accepted in silence:',
    `${keys.join(', ')}. The same goes for admin on a \`unix:\` socket.`,
  ].join('\n');
}

/** What a text with this pattern is called. */
const nouns = new Map<string, string>([
  [durationPattern, 'duration, may be `0s`'],
  [positiveDurationPattern, 'duration'],
  [sizePattern, 'size'],
  [listenAddressPattern, 'address'],
  [targetUrlPattern, 'target URL'],
  [serverNamePattern, 'host name'],
  [names.idPattern, 'id'],
  [names.targetIdPattern, 'target id'],
  [names.methodPattern, 'method'],
  [names.fieldValuePattern, 'text'],
  [names.hostPattern, 'host, or `*.` and a host'],
  [names.pathPattern, 'path, or path and `/*`'],
  [names.tokenPattern, 'name'],
  [names.cookiePathPattern, 'path'],
  [percentPattern, 'percentage'],
  [instantPattern, 'instant'],
  [networkPattern, 'network'],
  [statusRangesPattern, 'status codes'],
  [probePathPattern, 'path, may have a query'],
  [hostFieldPattern, 'host, may have a port'],
]);

function typeOf(node: SchemaNode): string {
  if (node.const !== undefined) return code(node.const);
  if (node.anyOf !== undefined) return node.anyOf.map(typeOf).join(' or ');
  switch (node.type) {
    case 'object': {
      const [named] = Object.values(node.patternProperties ?? {});
      if (named !== undefined) return `names with: ${typeOf(named)}`;
      return node.maxProperties === 1 ? 'object with one key, see below' : 'object, see below';
    }
    case 'array':
      return `list of: ${typeOf(node.items!)}`;
    case 'integer':
    case 'number':
      return `${thousands(node.minimum)} to ${thousands(node.maximum)}`;
    case 'boolean':
      return '`true` or `false`';
    default:
      return nouns.get(node.pattern ?? '') ?? 'text';
  }
}

function code(value: Json): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function thousands(value: number | undefined): string {
  return value === undefined ? '…' : value.toLocaleString('en');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
