/** Which names a certificate is for, and which of several certificates a client that asks for a name is shown. */

/**
 * The DNS names in what Node makes of the extension (`DNS:shop.example, IP Address:127.0.0.1`), in lower case. Without any, the common name
 * counts, as it did before RFC 6125: certificates that people make for themselves often have nothing else.
 * @param subject as Node writes it: a line for each part, `CN=shop.example`
 */
export function dnsNames(subjectAltName: string | undefined, subject: string): string[] {
  const alternatives = (subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4).toLowerCase());
  if (subjectAltName !== undefined) return alternatives.filter((name) => hostName.test(name));
  const commonName = /^CN=(.*)$/m.exec(subject)?.[1]?.toLowerCase() ?? '';
  return hostName.test(commonName) ? [commonName] : [];
}

const hostName = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** What belongs to names: the first that was added for a name has it. `*.example.com` is for names with one more label (RFC 6125 section 6.4.3). */
export class ByName<T> {
  readonly #exact = new Map<string, T>();
  readonly #wildcard = new Map<string, T>();

  /** @param name in lower case */
  add(name: string, value: T): void {
    const [names, key] = name.startsWith('*.') ? [this.#wildcard, name.slice(2)] : [this.#exact, name];
    if (!names.has(key)) names.set(key, value);
  }

  /** In any case. Undefined = none is for it. */
  find(name: string): T | undefined {
    const asked = name.toLowerCase();
    return this.#exact.get(asked) ?? this.#wildcard.get(asked.slice(asked.indexOf('.') + 1));
  }
}
