import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { ByName, dnsNames } from '../../src/core/certificate-names.ts';
import type { ListenerTls } from '../../src/core/model.ts';
import { identityOf } from '../../src/core/named-files.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';
import { contextOptions } from './handshakes.ts';

/** A certificate that can be shown. */
export interface Shown {
  readonly cert: string;
  readonly key: string;
  readonly context: SecureContext;
  readonly names: readonly string[];
  /** What else the context was made of. */
  readonly rest: string;
}

/** What a listener shows, and whom it lets in. */
export interface Identity {
  /** For clients that ask for none of the names, or for no name. Undefined = no certificate can be used. */
  readonly first: Shown | undefined;
  readonly byName: ByName<SecureContext>;
  /** PEM of who may have signed certificates of clients. Undefined = they are asked for none. */
  readonly clientAuthorities: string | undefined;
}

/** The certificates of one listener. What is made of them is made anew only where a text has changed. */
export class Certificates {
  readonly #onBug: (error: unknown) => void;
  #shown = new Map<string, Shown>();
  #authorities: { readonly caFile: string; readonly text: string } | undefined;

  constructor(onBug: (error: unknown) => void) {
    this.#onBug = onBug;
  }

  /** Throws where certificates of clients are wanted, and nobody knows who may have signed them: then nobody may come in. */
  update(tls: ListenerTls, files: FileTexts): Identity {
    const clientAuthorities = this.#findAuthorities(tls, files);
    const shown = new Map<string, Shown>();
    const byName = new ByName<SecureContext>();
    const show = (identity: string): void => {
      const made = this.#make(identity, tls, files, clientAuthorities);
      if (made === undefined) return;
      shown.set(identity, made);
      for (const name of made.names) byName.add(name, made.context);
    };
    for (const certificate of tls.certificates) show(identityOf(certificate));
    // A way back may name nothing that can be used any more: rather what was shown before than no handshake at all.
    if (shown.size === 0) for (const identity of this.#shown.keys()) show(identity);
    this.#shown = shown;
    const [first] = shown.values();
    return { first, byName, clientAuthorities };
  }

  #make(identity: string, tls: ListenerTls, texts: FileTexts, ca: string | undefined): Shown | undefined {
    const before = this.#shown.get(identity);
    const rest = `${tls.minVersion} ${ca}`;
    // What has gone missing or is no good leaves what was there before in force.
    const [cert, key] = texts.get(identity) ?? [before?.cert, before?.key];
    if (cert === undefined || key === undefined) return undefined;
    if (before?.cert === cert && before.key === key && before.rest === rest) return before;
    try {
      const context = createSecureContext({ ...contextOptions(tls, ca), cert, key });
      const { subjectAltName, subject } = new X509Certificate(cert);
      return { cert, key, context, names: dnsNames(subjectAltName, subject), rest };
    } catch (error) {
      this.#onBug(error);
      return before;
    }
  }

  #findAuthorities({ clients }: ListenerTls, files: FileTexts): string | undefined {
    if (clients === undefined) return undefined;
    const { caFile } = clients;
    const text = files.get(identityOf({ caFile }))?.[0] ?? (this.#authorities?.caFile === caFile ? this.#authorities.text : undefined);
    if (text === undefined) throw new Error(`nothing is known of ${caFile}, which says whose certificates clients may show`);
    this.#authorities = { caFile, text };
    return text;
  }
}
