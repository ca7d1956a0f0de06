import { createServer, type Server } from 'node:http';

/** One version of the demo's app. */
export interface DemoApp {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a small app on a free loopback port. It says its colour and version; in a browser the page has that colour. */
export async function startDemoApp(colour: string, version: string): Promise<DemoApp> {
  const server = createServer((request, response) => {
    const html = request.headers.accept?.includes('text/html') === true;
    response.setHeader('content-type', html ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    response.end(html ? page(colour, version) : `Hello from ${colour} (${version})\n`);
  });
  // The proxy keeps connections to its targets; this side must not be the first to close one.
  server.keepAliveTimeout = 0;
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function page(colour: string, version: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${colour} (${version})</title>
<style>body { margin: 0; display: grid; place-items: center; min-height: 100vh; background: ${colour}; color: white; font: 2rem system-ui }</style>
<p>Hello from ${colour} (${version})
</html>
`;
}
