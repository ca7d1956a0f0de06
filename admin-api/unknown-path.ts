/** What to say about a path or method that is not in the table. */
import { nearestName } from '../src/core/nearest.ts';
import { Refusal } from './problems.ts';
import type { Method } from './route.ts';
import { routes } from './routes.ts';

/** The refusal for a call that no route takes: 405 where another method would do, otherwise 404 with the nearest path. */
export function unknownPath(method: string, path: string): Refusal {
  const allowed = methodsOf(path);
  if (allowed.length > 0) {
    const allow = allowed.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).join(', ');
    return new Refusal('METHOD_NOT_ALLOWED', `${method} is not possible on ${path}; use ${allowed.join(' or ')}.`, { headers: { allow } });
  }
  const nearest =
    methodsOf(`/v1${path}`).length > 0
      ? `/v1${path}`
      : nearestName(
          path,
          routes.map((route) => fillIn(route.path, path)),
        );
  const hint = nearest === undefined ? 'GET /openapi.json lists every path.' : `Did you mean ${nearest}?`;
  return new Refusal('NOT_FOUND', `There is no ${path}. ${hint}`);
}

function methodsOf(path: string): Method[] {
  return routes.filter((route) => fillIn(route.path, path) === path).map((route) => route.method);
}

/** A route's path with the parameters that the given path has in their places. */
function fillIn(pattern: string, path: string): string {
  const parts = path.split('/');
  return pattern
    .split('/')
    .map((part, index) => (part.startsWith(':') ? parts[index] || part : part))
    .join('/');
}
