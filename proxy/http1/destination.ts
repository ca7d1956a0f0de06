import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import type { SocketAddress, TargetTls } from '../../src/core/model.ts';
import { identityOf, pathsOf } from '../../src/core/named-files.ts';
import type { CompiledTarget, FileTexts } from '../../src/core/snapshot.ts';

/** What it takes to connect to a target. The same object, from revision to revision, for as long as nothing of it changes. */
export interface Destination {
  /** Differs where anything does. */
  readonly key: string;
  readonly address: SocketAddress;
  /** Undefined: in the clear. */
  readonly encryption: TargetEncryption | undefined;
}

export interface TargetEncryption {
  /** Asked for, unless it is an IP address, and looked for in the certificate. */
  readonly serverName: string;
  readonly settings: TargetTls;
  readonly context: SecureContext;
  /** Undefined = the certificate is for the name. */
  readonly checkName: (host: string, certificate: PeerCertificate) => Error | undefined;
  /**
   * Of the last connection that has given one: the next one resumes it, and saves a handshake with certificates (RFC 8446 section 2.2). It is
   * forgotten with all of this: a resumed session is not verified again, so it must not outlive what it was verified by.
   */
  session: Buffer | undefined;
}

/** Certificates, and how those of others are verified, made ready once for all connections that need the same. */
interface Credentials {
  readonly id: number;
  readonly context: SecureContext;
}

/**
 * The destinations of one snapshot. What is made of texts of files is known by the texts: where a file is renewed, connections are made by
 * what it says now, and where it says what it said before, nothing is made anew.
 */
export class Destinations {
  readonly #files: FileTexts;
  readonly #onFault: (error: unknown, settings: TargetTls) => void;
  readonly #before: ReadonlyMap<string, Destination>;
  readonly #credentialsBefore: ReadonlyMap<string, Credentials>;
  /** By the files that were named: for when what stands in them is not known any more. */
  readonly #credentialsByFiles = new Map<string, Credentials>();
  readonly #byFilesBefore: ReadonlyMap<string, Credentials>;
  readonly #known = new Map<string, Destination>();
  readonly #credentials = new Map<string, Credentials>();
  /** Most pools share one object of settings. */
  readonly #credentialsOf = new Map<TargetTls, Credentials>();
  #credentialsMade: number;

  /** @param onFault told of files that cannot be used; nobody is trusted then */
  constructor(files: FileTexts, onFault: (error: unknown, settings: TargetTls) => void, before?: Destinations) {
    this.#files = files;
    this.#onFault = onFault;
    this.#before = before === undefined ? new Map() : before.#known;
    this.#credentialsBefore = before === undefined ? new Map() : before.#credentials;
    this.#byFilesBefore = before === undefined ? new Map() : before.#credentialsByFiles;
    this.#credentialsMade = before === undefined ? 0 : before.#credentialsMade;
  }

  of({ address, serverName }: Pick<CompiledTarget, 'address' | 'serverName'>, settings: TargetTls): Destination {
    const plain = plainDestination(address);
    if (serverName === undefined) return this.#keep(plain.key, () => plain);
    const credentials = this.#credentialsFor(settings);
    const key = `${plain.key} ${serverName} ${settings.verify} ${credentials.id}`;
    return this.#keep(key, () => ({ key, address, encryption: encryptionOf(serverName, settings, credentials) }));
  }

  /** The one that there is already, or a new one. */
  #keep(key: string, create: () => Destination): Destination {
    const destination = this.#known.get(key) ?? this.#before.get(key) ?? create();
    this.#known.set(key, destination);
    return destination;
  }

  #credentialsFor(settings: TargetTls): Credentials {
    let credentials = this.#credentialsOf.get(settings);
    if (credentials !== undefined) return credentials;
    const named = namedBy(settings);
    const identities = JSON.stringify(named.map((files) => files && identityOf(files)));
    const texts = named.map((files) => files && (this.#files.get(identityOf(files)) ?? 'missing'));
    // Where a text is missing, what was made of the same files is all that there is to go by, as with listeners.
    const before = texts.includes('missing') ? this.#byFilesBefore.get(identities) : undefined;
    const key = JSON.stringify(texts);
    credentials = before ?? this.#credentials.get(key) ?? this.#credentialsBefore.get(key) ?? this.#create(settings);
    if (before === undefined) this.#credentials.set(key, credentials);
    this.#credentialsByFiles.set(identities, credentials);
    this.#credentialsOf.set(settings, credentials);
    return credentials;
  }

  #create(settings: TargetTls): Credentials {
    const id = ++this.#credentialsMade;
    try {
      return { id, context: createContext(settings, this.#files) };
    } catch (error) {
      this.#onFault(error, settings);
      // Without a list of authorities, Node would trust all that it knows.
      return { id, context: createSecureContext({ ca: [] }) };
    }
  }
}

/** A destination that is reached in the clear. */
export function plainDestination(address: SocketAddress): Destination {
  return { key: `${address.host} ${address.port}`, address, encryption: undefined };
}

/** Whether only what stands in files is another thing now: connections that were made before may stay. */
export function isRenewed(before: Destination, after: Destination): boolean {
  const [was, is] = [before.encryption, after.encryption];
  if (before.address.host !== after.address.host || before.address.port !== after.address.port) return false;
  if (was === undefined || is === undefined) return was === is;
  return was.serverName === is.serverName && sameSettings(was.settings, is.settings);
}

function sameSettings(a: TargetTls, b: TargetTls): boolean {
  const [ours, theirs] = [a.certificate, b.certificate];
  return a.verify === b.verify && a.caFile === b.caFile && ours?.certFile === theirs?.certFile && ours?.keyFile === theirs?.keyFile;
}

/** Authorities and certificate. */
function namedBy({ caFile, certificate }: TargetTls) {
  return [caFile === undefined ? undefined : { caFile }, certificate] as const;
}

function createContext(settings: TargetTls, files: FileTexts): SecureContext {
  const [[ca], [cert, key]] = namedBy(settings).map((named) => {
    if (named === undefined) return [];
    const texts = files.get(identityOf(named));
    if (texts === undefined) throw new Error(`${pathsOf(named).join(', ')} has not been read`);
    return texts;
  }) as [readonly string[], readonly string[]];
  return createSecureContext({
    minVersion: 'TLSv1.2',
    // Whom a pool names is trusted, also where that is an intermediate whose own issuer is not named.
    ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
    ...(cert !== undefined && { cert, key }),
  });
}

function encryptionOf(serverName: string, settings: TargetTls, { context }: Credentials): TargetEncryption {
  return {
    serverName,
    settings,
    context,
    checkName: (_host, certificate) => checkServerIdentity(serverName, certificate),
    session: undefined,
  };
}
