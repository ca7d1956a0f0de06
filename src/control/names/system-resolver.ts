import { lookup, Resolver } from 'node:dns/promises';
import type { NameResolver } from './ask.ts';
import { HostsFile } from './hosts-file.ts';

/** How long one server is waited for, and how often it is asked. */
const options = { timeout: 2000, tries: 2 };

/** The name servers of this machine, or these (`address:port`). */
export function systemResolver(servers?: readonly string[]): NameResolver {
  let resolver = createResolver(servers);
  let isClosed = false;
  const hostsFile = new HostsFile();

  /** A resolver reads the list of servers once; after a failure that may be why, another one reads it again. */
  const ask = async <T>(query: (by: Resolver) => Promise<T>): Promise<T> => {
    const asked = resolver;
    try {
      return await query(asked);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!isClosed && asked === resolver && code !== 'ENODATA' && code !== 'ENOTFOUND') resolver = createResolver(servers);
      throw error;
    }
  };

  return {
    resolve4: (name) => ask((by) => by.resolve4(name, { ttl: true })),
    resolve6: (name) => ask((by) => by.resolve6(name, { ttl: true })),
    hosts: (name) => hostsFile.addresses(name),
    lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
    close: () => {
      isClosed = true;
      resolver.cancel();
    },
  };
}

function createResolver(servers: readonly string[] | undefined): Resolver {
  const resolver = new Resolver(options);
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}
