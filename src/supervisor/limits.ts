/** What the system lets this process use. */
import { totalmem } from 'node:os';
import type { Room } from '../../proxy/data-plane.ts';

const mebibyte = 1024 * 1024;

/** The part of the machine's memory that may be held for clients that are slow, over all workers. */
const heldShare = 1 / 4;
/** Of one worker, whatever the machine has. */
const heldBytesMin = 64 * mebibyte;
const heldBytesMost = 1024 * mebibyte;

/** @param workers share the machine's memory, or what a container may have of it; descriptors are counted for each process */
export function roomFor(workers: number): Room {
  return { descriptors: descriptorsMax(), heldBytesMax: heldBytesFor(memoryBytes(), workers) };
}

export function heldBytesFor(memory: number, workers: number): number {
  return Math.floor(Math.min(heldBytesMost, Math.max(heldBytesMin, (memory * heldShare) / workers)));
}

/** What a container may use; 0, or more than there is, where there is no such limit. */
function memoryBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** The soft limit, which Node has raised to the hard one when it started. */
function descriptorsMax(): number {
  // Without this it would look up the name of whoever a socket is connected to.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as { readonly userLimits?: { readonly open_files?: { readonly soft: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Infinity;
}
