import type { Route } from './route.ts';

export const metricsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus.',
    role: 'viewer',
    query: [],
    async handle(_call, options) {
      const { contentType, text } = await options.metrics.render();
      return { status: 200, body: text, contentType };
    },
  },
];
