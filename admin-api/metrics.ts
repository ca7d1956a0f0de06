import type { Route } from './route.ts';

export const metricsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus.',
    role: 'viewer',
    query: [],
    answers: { 200: { description: 'In the text format of Prometheus.' } },
    errors: [],
    async handle(_call, options) {
      const { contentType, text } = await options.metrics.render();
      return { status: 200, body: text, contentType };
    },
  },
];
