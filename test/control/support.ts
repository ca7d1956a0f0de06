import { interpret } from '../../config/interpret.ts';
import { openController, type ControllerParts, type SingleWriter } from '../../src/control/controller.ts';
import type { CommandOptions, Log, Reply } from '../../src/control/ports.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { TestFleet } from './fleet.ts';

/** The configuration that most tests start from: one service, two pools, all traffic on blue. */
export const demoDocument: JsonObject = {
  listeners: [{ name: 'web', address: '127.0.0.1:8080', timeouts: { head: '10s' } }],
  services: {
    demo: {
      pools: { blue: { targets: ['http://127.0.0.1:3001'] }, green: { targets: ['http://127.0.0.1:3002'] } },
      weights: { blue: 100, green: 0 },
    },
  },
  routes: [{ service: 'demo' }],
};

export const options: CommandOptions = { actor: 'test', reason: '', dryRun: false, timeoutMs: 1000, wait: 'workers' };

/** Keeps what is logged. */
export class TestLog implements Log {
  readonly lines: { level: string; fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}

export interface Bench {
  readonly parts: ControllerParts & { readonly fleet: TestFleet; readonly log: TestLog };
  readonly controller: SingleWriter;
}

/** A controller that has begun, on a memory store and a test fleet, unless told otherwise. The clock counts seconds by itself. */
export async function openBench(parts: Partial<Bench['parts']> = {}, file: JsonObject | 'none' = demoDocument): Promise<Bench> {
  const whole = benchParts(parts);
  const controller = await openController(whole, file === 'none' ? undefined : file);
  if (controller.kind === 'rejected') throw new Error(controller.message);
  await controller.begin();
  return { parts: whole, controller };
}

export function benchParts(parts: Partial<Bench['parts']> = {}): Bench['parts'] {
  let now = 0;
  return {
    store: new MemoryStore(),
    fleet: new TestFleet(),
    log: new TestLog(),
    interpret,
    clock: { nowMs: () => (now += 1000) },
    ...parts,
  };
}

/** The demo service's weights in the current document. */
export function weightsOf(controller: SingleWriter): unknown {
  return demoOf(controller.current().document)['weights'];
}

/** The demo service in a document. */
export function demoOf(document: JsonObject): JsonObject {
  const services = document['services'];
  const demo = isJsonObject(services) ? services['demo'] : undefined;
  if (!isJsonObject(demo)) throw new Error('the document has no service "demo"');
  return demo;
}

/** The demo document with other settings of its service, or other keys at the top. */
export function demoWith(service: JsonObject, top: JsonObject = {}): JsonObject {
  return { ...demoDocument, services: { demo: { ...demoOf(demoDocument), ...service } }, ...top };
}

export function accepted(reply: Reply): Extract<Reply, { kind: 'accepted' }> {
  if (reply.kind === 'accepted') return reply;
  throw new Error(`refused: ${reply.code}: ${reply.message}`);
}

export function rejected(reply: Reply): Extract<Reply, { kind: 'rejected' }> {
  if (reply.kind === 'rejected') return reply;
  throw new Error(`accepted as revision ${reply.revision}`);
}
