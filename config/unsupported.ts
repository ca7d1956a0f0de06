/**
 * What the documentation of Sluice names but this release does not do yet. It is refused by name, and not as an unknown key, so that
 * nobody looks for a typing error, and never accepted in silence: a listener that is to be encrypted and is not, is worse than none.
 */

/** Places in the document, as JSON pointers; `*` stands for any one segment. A key leaves this list when it enters the schema. */
export const unsupportedKeys: readonly string[] = ['/rollouts', '/notify', '/admin/tls', '/admin/strict'];

/** One more is a value inside a text and recognised by its reader in `addresses.ts`: `unix:` addresses. */

export function isUnsupportedKey(pointer: string): boolean {
  return patterns.some((pattern) => pattern.test(pointer));
}

/** The objects that would have this key, as people write their paths: `services.NAME`, `listeners[]`. */
export function unsupportedHomes(key: string): string[] {
  const homes = unsupportedKeys.filter((place) => place.endsWith(`/${key}`)).map((place) => pathOf(place.slice(0, -key.length - 1)));
  return homes.map((path) => (path === '' ? 'the top level' : path));
}

/** A place of the list above as people write it: `services.NAME.sticky`. */
export function pathOf(place: string): string {
  return place.slice(1).replace('listeners/*', 'listeners[]').replaceAll('*', 'NAME').replaceAll('/', '.');
}

/** `what` opens the sentence, `wayOut` says what to type meanwhile. */
export function unsupportedMessage(what: string, wayOut: string): string {
  return `${what} is not supported yet; ${wayOut}`;
}

const patterns = unsupportedKeys.map((place) => new RegExp(`^${place.replaceAll('*', '[^/]+')}$`));
