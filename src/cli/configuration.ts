import { resolve } from 'node:path';
import { readListenAddress } from '../../config/addresses.ts';
import { configure, type Overrides } from '../../config/effective.ts';
import type { Findings } from '../../config/findings.ts';
import { inlineDocument } from '../../config/inline.ts';
import { formatProblems, loadFile } from '../../config/load.ts';
import type { JsonObject } from '../core/json.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import type { Configuration } from './launcher.ts';

/** Reads a config file. Throws with every problem in it. */
export async function readConfigFile(path: string, overrides: Overrides): Promise<Configuration> {
  checkOverrides(overrides);
  const loaded = await loadFile(path, overrides, 'forgiving');
  if (loaded.kind === 'unreadable') throw new CommandError(`${sentence(loaded.message)} Type: sluice run -c FILE`, exitCodes.failed);
  if (loaded.kind === 'invalid') {
    const advice = `Nothing was started. "sluice check -c ${path}" checks the file again.`;
    throw new CommandError(`${formatProblems(loaded.problems, path)}\n${advice}`, exitCodes.refused);
  }
  return loaded;
}

/** Makes a configuration of arguments such as `blue=http://127.0.0.1:3001`. */
export function readInline(pools: readonly string[], listen: string | undefined, overrides: Overrides): Configuration {
  const inline = inlineDocument(pools, { listen });
  if (inline.kind === 'invalid')
    throw new CommandError(inline.problems.map(({ message }) => sentence(message)).join('\n'), exitCodes.refused);
  checkOverrides(overrides);
  return readDocument(inline.document, overrides);
}

/** The data directory by its full path, which is what messages should say. */
export function withFullPaths(configuration: Configuration): Configuration {
  const { settings } = configuration;
  return { ...configuration, settings: { ...settings, dataDir: resolve(settings.dataDir) } };
}

/** Interprets a document that was made of arguments. Throws with every problem in it. */
export function readDocument(document: JsonObject, overrides: Overrides = {}): Configuration {
  const meaning = configure(document, overrides);
  if (meaning.kind === 'valid') return meaning;
  throw new CommandError(describeProblems(meaning.findings), exitCodes.refused);
}

/** Throws unless the value of a flag is an address that can be listened on; the document's own check would name a pointer instead. */
export function checkListenFlag(flag: string, value: string): void {
  const address = readListenAddress(value);
  if (!address.ok) throw new CommandError(sentence(`${flag}: ${address.message}`), exitCodes.refused);
}

function checkOverrides({ adminListen }: Overrides): void {
  if (adminListen !== undefined) checkListenFlag('--admin-listen', adminListen);
}

function describeProblems(findings: Findings): string {
  return findings
    .listed()
    .map(({ pointer, message }) => sentence(`${pointer === '' ? '/' : pointer}: ${message}`))
    .join('\n');
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
