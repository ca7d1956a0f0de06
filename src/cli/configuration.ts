import { resolve } from 'node:path';
import { readListenAddress } from '../../config/addresses.ts';
import { inlineDocument } from '../../config/inline.ts';
import { interpret } from '../../config/interpret.ts';
import { formatProblems, loadFile } from '../../config/load.ts';
import type { Problem } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import type { Configuration } from './launcher.ts';

/** What the command line says over the configuration. */
export interface Overrides {
  readonly adminListen?: string | undefined;
  readonly workers?: number | 'auto' | undefined;
  readonly dataDir?: string | undefined;
}

/** Reads a config file. Throws with every problem in it. */
export async function readConfigFile(path: string): Promise<Configuration> {
  const loaded = await loadFile(path);
  if (loaded.kind === 'unreadable') throw new CommandError(`${sentence(loaded.message)} Type: sluice run -c FILE`, exitCodes.failed);
  if (loaded.kind === 'invalid') {
    const advice = `Nothing was started. "sluice check -c ${path}" checks the file again.`;
    throw new CommandError(`${formatProblems(loaded.problems, path)}\n${advice}`, exitCodes.failed);
  }
  return loaded;
}

/** Makes a configuration of arguments such as `blue=http://127.0.0.1:3001`. */
export function readInline(pools: readonly string[], listen: string | undefined): Configuration {
  const inline = inlineDocument(pools, { listen });
  if (inline.kind === 'invalid')
    throw new CommandError(inline.problems.map(({ message }) => sentence(message)).join('\n'), exitCodes.failed);
  return readDocument(inline.document);
}

/**
 * Puts what the command line says in the place of what the configuration says. The document stays as it was written: it is what is saved
 * and compared at the next start, and a flag is not a change of the file.
 */
export function override(configuration: Configuration, { adminListen, workers, dataDir }: Overrides): Configuration {
  const { document } = configuration;
  if (adminListen !== undefined) checkListenFlag('--admin-listen', adminListen);
  const overridden: JsonObject = {
    ...document,
    ...(adminListen === undefined
      ? {}
      : { admin: { ...(isJsonObject(document['admin']) ? document['admin'] : {}), address: adminListen } }),
    ...(workers === undefined ? {} : { workers }),
    ...(dataDir === undefined ? {} : { dataDir }),
  };
  return { ...readDocument(overridden), document };
}

/** The data directory by its full path, which is what messages should say. */
export function withFullPaths(configuration: Configuration): Configuration {
  const { settings } = configuration;
  return { ...configuration, settings: { ...settings, dataDir: resolve(settings.dataDir) } };
}

/** Interprets a document that was made of arguments. Throws with every problem in it. */
export function readDocument(document: JsonObject): Configuration {
  const meaning = interpret(document);
  if (meaning.kind === 'valid') return { document, model: meaning.model, settings: meaning.settings };
  throw new CommandError(describeProblems(meaning.problems), exitCodes.failed);
}

/** Throws unless the value of a flag is an address that can be listened on; the document's own check would name a pointer instead. */
export function checkListenFlag(flag: string, value: string): void {
  const address = readListenAddress(value);
  if (!address.ok) throw new CommandError(sentence(`${flag}: ${address.message}`), exitCodes.failed);
}

function describeProblems(problems: readonly Problem[]): string {
  return problems.map(({ pointer, message }) => sentence(`${pointer === '' ? '/' : pointer}: ${message}`)).join('\n');
}

function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
