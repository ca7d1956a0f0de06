/**
 * Two services that set one cookie for one host: each takes the other's for a forgery and replaces it, so that no client stays anywhere.
 * Nobody would see that in the file, because both may have left the name of their cookie out.
 */
import type { RouteMatch } from '../src/core/model.ts';
import { stickyDefaults } from './defaults.ts';
import type { Findings } from './findings.ts';
import { quote } from './reading.ts';
import type { ConfigDocument, StickyDocument } from './schema.ts';
import type { Salvaged } from './shape.ts';

/** A route whose match could be read. */
export interface ReadRoute {
  readonly match: RouteMatch;
  readonly service: string;
}

/** The routes of one host pattern. */
interface Host {
  /** By cookie, one of the services that set it. */
  readonly setters: Map<string, string>;
  /** Whether one of its routes takes all that there is, so that less specific ones never see the host. */
  covered: boolean;
}

/** The cookie that binds clients to a target where their key is no cookie of ours. */
export const bareTargetCookie = 'sluice_t';

export function checkCookies(services: Salvaged<ConfigDocument['services']>, routes: readonly ReadRoute[], findings: Findings): void {
  const hosts = new Map<string, Host>();
  const cookiesOf = new Map(Object.entries(services).map(([id, service]) => [id, cookiesSetBy(service?.sticky)]));
  const told = new Set<string>();
  const tell = (a: string, b: string, cookie: string): void => {
    const [first, second] = Object.keys(services).filter((id) => id === a || id === b) as [string, string];
    if (a === b || told.has(second)) return;
    told.add(second);
    findings.add(`/services/${second}/sticky`, overwritten(first, second, nameOf(cookie)));
  };
  for (const { match, service } of routes) {
    const host = hostAt(hosts, match);
    for (const cookie of cookiesOf.get(service) ?? []) {
      const other = host.setters.get(cookie);
      if (other === undefined) host.setters.set(cookie, service);
      else tell(other, service, cookie);
    }
    if (isWholeHost(match)) host.covered = true;
  }
  for (const [pattern, host] of hosts) {
    for (const wider of widerHosts(pattern, host, hosts)) {
      for (const [cookie, service] of host.setters) {
        const other = wider.setters.get(cookie);
        if (other !== undefined) tell(other, service, cookie);
      }
    }
  }
}

function overwritten(first: string, second: string, name: string): string {
  const own = `write key: { cookie: ${stickyDefaults.key.value.cookie}_${second} }`;
  const wayOut = name === bareTargetCookie ? `remove target, or ${own}` : own;
  return `service ${quote(first)} sets a cookie ${quote(name)} for the same host, and each would overwrite the other’s; ${wayOut}`;
}

/** Name and path of the cookies; cookies of one name for different paths do not touch each other (RFC 6265 section 5.3, step 11). */
function cookiesSetBy(sticky: Salvaged<StickyDocument> | undefined): string[] {
  if (sticky === undefined) return [];
  const { key = stickyDefaults.key.value, path = stickyDefaults.path.value } = sticky;
  const own = 'cookie' in key ? key.cookie : undefined;
  const names = [own, sticky.target === true ? (own === undefined ? bareTargetCookie : `${own}_t`) : undefined];
  return names.filter((name) => name !== undefined).map((name) => `${name} ${path}`);
}

function nameOf(cookie: string): string {
  return cookie.slice(0, cookie.indexOf(' '));
}

/** `shop.example`, `*.shop.example`, or `*` for any. */
function hostAt(hosts: Map<string, Host>, { host }: RouteMatch): Host {
  const pattern = host === undefined ? '*' : host.kind === 'exact' ? host.value : `*.${host.value}`;
  let known = hosts.get(pattern);
  if (known === undefined) hosts.set(pattern, (known = { setters: new Map(), covered: false }));
  return known;
}

function isWholeHost({ path, methods, headers, query, cookies }: RouteMatch): boolean {
  const everyPath = path === undefined || (path.kind === 'prefix' && path.value === '');
  return everyPath && [methods, headers, query, cookies].every((conditions) => conditions.length === 0);
}

/** The less specific patterns whose routes get requests for this host too. */
function* widerHosts(pattern: string, narrow: Host, hosts: ReadonlyMap<string, Host>): Generator<Host> {
  let { covered } = narrow;
  let rest = pattern.replace(/^\*\.?/, '');
  while (!covered && rest !== '') {
    rest = rest.slice(rest.indexOf('.') + 1 || rest.length);
    const wider = hosts.get(rest === '' ? '*' : `*.${rest}`);
    if (wider !== undefined) yield wider;
    covered = wider?.covered ?? false;
  }
}
