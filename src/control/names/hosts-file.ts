import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** The hosts file of this machine (hosts(5)), read anew whenever it is another one than before. */
export class HostsFile {
  readonly #path: string;
  /** What the file was like when it was read; '' = it could not be. */
  #stamp = '';
  #names: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(path: string = systemPath()) {
    this.#path = path;
  }

  /** In the order of the file; none where the name, in lower case, is not in it, or the file cannot be read. */
  addresses(name: string): readonly string[] {
    this.#readAnew();
    return this.#names.get(name) ?? [];
  }

  /** It is small, and only looked at when it has changed: not worth a place in the queue of the few threads that wait for slow disks. */
  #readAnew(): void {
    try {
      const { ino, size, mtimeMs } = statSync(this.#path);
      const stamp = `${ino} ${size} ${mtimeMs}`;
      if (stamp === this.#stamp) return;
      this.#names = parseHosts(readFileSync(this.#path, 'utf8'));
      this.#stamp = stamp;
    } catch {
      // Not every system has one. What was pinned in a file that is gone is pinned no longer.
      this.#names = new Map();
      this.#stamp = '';
    }
  }
}

/** An address and its names per line, `#` begins a comment. A line that begins with anything else is passed over, as all programs do. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = found.get(key);
      if (addresses === undefined) found.set(key, [address]);
      else addresses.push(address);
    }
  }
  return found;
}

function systemPath(): string {
  return process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts';
}
