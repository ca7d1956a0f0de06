/** What becomes of a change that somebody asks for: the document that it would lead to, or a refusal. */
import type { ErrorCode, Problem } from './errors.ts';
import { isJsonObject, ownValue, type Json, type JsonObject } from './json.ts';
import type { Model, Service } from './model.ts';
import { nameHint } from './nearest.ts';

/** A document and what it means. */
export interface Standing {
  readonly document: JsonObject;
  readonly model: Model;
}

export type Proposal = { readonly kind: 'proposed'; readonly document: JsonObject } | Rejection;

/** A refusal: the caller's to handle, never an exception. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly code: ErrorCode;
  /** What happened, to what, and the way out, in one or two sentences. */
  readonly message: string;
  readonly problems?: readonly Problem[];
}

export function proposed(document: JsonObject): Proposal {
  return { kind: 'proposed', document };
}

export function reject(code: ErrorCode, message: string, problems?: readonly Problem[]): Rejection {
  return problems === undefined ? { kind: 'rejected', code, message } : { kind: 'rejected', code, message, problems };
}

export function serviceNotFound(model: Model, id: string): Rejection {
  const ids = model.services.map((service) => service.id);
  return reject('SERVICE_NOT_FOUND', `There is no service "${id}". ${nameHint(id, ids)}`);
}

export function poolsNotFound(service: Service, unknown: readonly string[]): Rejection {
  const ids = service.pools.map((pool) => pool.id);
  const names = unknown.map((id) => `"${id}"`).join(' or ');
  return reject('POOL_NOT_FOUND', `Service "${service.id}" has no pool ${names}. ${nameHint(unknown[0]!, ids)}`);
}

export function findService(model: Model, id: string): Service | undefined {
  return model.services.find((service) => service.id === id);
}

/** The services as somebody wrote them. */
export function servicesIn(document: JsonObject): JsonObject {
  return objectIn(document, 'services');
}

export function withService(document: JsonObject, id: string, service: Json): JsonObject {
  return { ...document, services: withKey(servicesIn(document), id, service) };
}

/** The object under a key; an empty one where there is none. */
export function objectIn(object: JsonObject, key: string): JsonObject {
  const value = ownValue(object, key);
  return isJsonObject(value) ? value : {};
}

/** With the key at its place, or at the end where it is new. A computed key, so that `__proto__` is one like any other. */
export function withKey(object: JsonObject, key: string, value: Json): JsonObject {
  return { ...object, [key]: value };
}

export function withoutKeys(object: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
