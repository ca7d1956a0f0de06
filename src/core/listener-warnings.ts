/** What listeners allow and hardly anybody means. */
import type { Listener } from './model.ts';

/** In whole sentences. */
export function warningsAboutListeners(listeners: readonly Listener[]): string[] {
  return listeners.flatMap(({ name, trustedProxies, proxyProtocol }) => [
    ...aboutBelieved(name, 'trustedProxies', trustedProxies),
    ...aboutBelieved(name, 'proxyProtocol.from', proxyProtocol),
  ]);
}

/** Networks whose word on clients is taken. */
function aboutBelieved(listener: string, key: string, networks: readonly string[]): string[] {
  const widest = networks.find((network) => network.endsWith('/0'));
  if (widest === undefined) return [];
  const wayOut = 'name only the networks of the proxies in front, unless nobody else can connect to this listener';
  return [`"${key}" of listener "${listener}" believes all of ${widest}, so every client can pass for any other; ${wayOut}.`];
}
