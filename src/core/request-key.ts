import type { RequestKey } from './model.ts';
import type { RouteSubject } from './routes.ts';

/** The value that a request is told apart by, or undefined where it has none; an empty one is none. */
export function readKey(key: RequestKey, subject: RouteSubject, clientAddress: string): string | undefined {
  void key;
  void subject;
  return clientAddress;
}
