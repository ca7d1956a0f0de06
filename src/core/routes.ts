/**
 * Route matching: the most specific host wins, then the longest path (an exact one before a prefix), then the most conditions; the order
 * of the document breaks ties. A route whose conditions do not hold gives way to the next less specific one.
 *
 * The table is compiled once per revision into maps by host and tries by path segment, so that a request pays for the depth of its own
 * path and not for the number of routes. Only routes that share host and path are tried one after the other.
 */
import type { NameValue, Route, RouteMatch } from './model.ts';
import { routablePath } from './path.ts';

/** What matching asks of a request. The getters run only when a route has such a condition. */
export interface RouteSubject {
  /** Lower case, without port. */
  readonly host: string;
  /** Without query. `*` for `OPTIONS *`. */
  readonly path: string;
  readonly method: string;
  /** The field's value, lines joined by ', ', or undefined. `name` is in lower case. */
  header(name: string): string | undefined;
  /** The first value of a query parameter, decoded. */
  queryValue(name: string): string | undefined;
  /** The cookie of this name; of several, the one at this place, 0 (the default) being the first. */
  cookie(name: string, place?: number): string | undefined;
}

export interface RouteTable {
  readonly exactHosts: ReadonlyMap<string, PathNode>;
  readonly suffixHosts: ReadonlyMap<string, PathNode>;
  readonly anyHost: PathNode | undefined;
}

interface PathNode {
  readonly children: Map<string, PathNode>;
  readonly exact: Candidate[];
  readonly prefix: Candidate[];
}

interface Candidate {
  readonly route: Route;
  /** The index of the route in the document. */
  readonly index: number;
  readonly conditions: number;
}

export function compileRoutes(routes: readonly Route[]): RouteTable {
  const exactHosts = new Map<string, PathNode>();
  const suffixHosts = new Map<string, PathNode>();
  const anyHost = emptyNode();
  for (const [index, route] of routes.entries()) {
    const { host, path } = route.match;
    const root = host === undefined ? anyHost : nodeOf(host.kind === 'exact' ? exactHosts : suffixHosts, host.value);
    const candidate = { route, index, conditions: countConditions(route) };
    if (path === undefined) root.prefix.push(candidate);
    else insert(root, path.kind, path.value, candidate);
  }
  for (const root of [...exactHosts.values(), ...suffixHosts.values(), anyHost]) sortCandidates(root);
  return { exactHosts, suffixHosts, anyHost: isEmpty(anyHost) ? undefined : anyHost };
}

/** The index of the route that takes the request, or -1. */
export function matchRoute(table: RouteTable, subject: RouteSubject): number {
  const { host } = subject;
  const path = routablePath(subject.path);
  const exact = table.exactHosts.get(host);
  if (exact !== undefined) {
    const index = matchPath(exact, path, subject);
    if (index >= 0) return index;
  }
  if (table.suffixHosts.size > 0) {
    // Longest suffix first: cut one label after the other. A host has at most 127 labels (RFC 1035 section 2.3.4).
    for (let dot = host.indexOf('.'), labels = 0; dot >= 0 && labels < 127; dot = host.indexOf('.', dot + 1), labels++) {
      const root = table.suffixHosts.get(host.slice(dot + 1));
      const index = root === undefined ? -1 : matchPath(root, path, subject);
      if (index >= 0) return index;
    }
  }
  return table.anyHost === undefined ? -1 : matchPath(table.anyHost, path, subject);
}

function matchPath(root: PathNode, path: string, subject: RouteSubject): number {
  return matchBelow(root, path, 1, subject);
}

/** Tries the children first, so that the longest path wins. Recursion goes as deep as the deepest configured path, never deeper. */
function matchBelow(node: PathNode, path: string, from: number, subject: RouteSubject): number {
  if (node.children.size > 0 && from <= path.length) {
    const slash = path.indexOf('/', from);
    const end = slash < 0 ? path.length : slash;
    const child = node.children.get(path.slice(from, end));
    if (child !== undefined) {
      const index = slash < 0 ? firstHolding(child.exact, subject, child.prefix) : matchBelow(child, path, end + 1, subject);
      if (index >= 0) return index;
    }
  }
  return firstHolding(node.prefix, subject);
}

function firstHolding(candidates: readonly Candidate[], subject: RouteSubject, otherwise?: readonly Candidate[]): number {
  for (const { route, index, conditions } of candidates) {
    if (conditions === 0 || conditionsHold(route.match, subject)) return index;
  }
  return otherwise === undefined ? -1 : firstHolding(otherwise, subject);
}

/** Whether everything holds that a match asks for beyond host and path. */
export function conditionsHold(match: RouteMatch, subject: RouteSubject): boolean {
  return (
    (match.methods.length === 0 || match.methods.includes(subject.method)) &&
    holds(match.headers, (name) => subject.header(name)) &&
    holds(match.query, (name) => subject.queryValue(name)) &&
    holds(match.cookies, (name) => subject.cookie(name))
  );
}

function holds(wanted: readonly NameValue[], valueOf: (name: string) => string | undefined): boolean {
  for (const { name, value } of wanted) {
    if (valueOf(name) !== value) return false;
  }
  return true;
}

/** How specific a route is beyond its host and path. */
function countConditions({ match }: Route): number {
  return (match.methods.length > 0 ? 1 : 0) + match.headers.length + match.query.length + match.cookies.length;
}

function insert(root: PathNode, kind: 'exact' | 'prefix', path: string, candidate: Candidate): void {
  let node = root;
  if (path !== '') for (const segment of path.slice(1).split('/')) node = nodeOf(node.children, segment);
  node[kind].push(candidate);
}

function nodeOf(nodes: Map<string, PathNode>, key: string): PathNode {
  let node = nodes.get(key);
  if (node === undefined) nodes.set(key, (node = emptyNode()));
  return node;
}

function emptyNode(): PathNode {
  return { children: new Map(), exact: [], prefix: [] };
}

function isEmpty(node: PathNode): boolean {
  return node.children.size === 0 && node.exact.length === 0 && node.prefix.length === 0;
}

function sortCandidates(node: PathNode): void {
  for (const list of [node.exact, node.prefix]) list.sort((a, b) => b.conditions - a.conditions || a.index - b.index);
  for (const child of node.children.values()) sortCandidates(child);
}
