import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { TestContext } from 'vitest';

/** An application behind the proxy. */
export interface App {
  readonly url: string;
}

/** Starts one that answers with its name. */
export function startApp(t: TestContext, name: string): Promise<App> {
  return startAppWith(t, (_request, response) => response.end(name));
}

export async function startAppWith(t: TestContext, handler: RequestListener): Promise<App> {
  const server = createServer(handler);
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` };
}

/** An application that keeps its answer to `/hold` back. */
export interface HoldingApp extends App {
  /** Resolves when a request has arrived that is held. */
  readonly arrived: Promise<void>;
  /** Answers it with `finished`. */
  readonly finish: () => void;
}

export async function startHoldingApp(t: TestContext): Promise<HoldingApp> {
  const held = Promise.withResolvers<ServerResponse>();
  const { url } = await startAppWith(t, (request, response) => {
    if (request.url === '/hold') held.resolve(response);
    else response.end('at once');
  });
  return { url, arrived: held.promise.then(() => {}), finish: () => void held.promise.then((response) => response.end('finished')) };
}
