import type { AdminApiOptions } from './options.ts';
import type { Answer, Route } from './route.ts';

export const probeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/livez',
    summary: '200 as long as the control process answers.',
    role: 'nobody',
    query: [],
    handle: () => ({ status: 200, body: { status: 'alive' } }),
  },
  {
    method: 'GET',
    path: '/readyz',
    summary: '200 while every worker serves traffic; 503 while starting and from the moment of stopping.',
    role: 'nobody',
    query: [],
    handle: (_call, options) => readiness(options),
  },
];

function readiness({ state, fleet }: AdminApiOptions): Answer {
  if (state() === 'draining') return notReady('draining', 'Sluice is stopping: it finishes what runs and accepts nothing new.');
  const workers = fleet.workers();
  const waitingFor = workers.filter((worker) => worker.revision === 0).map((worker) => worker.id);
  if (waitingFor.length > 0) {
    return notReady('starting', `Worker ${waitingFor.join(', ')} ${waitingFor.length === 1 ? 'does' : 'do'} not serve yet.`);
  }
  if (state() === 'starting' || workers.length === 0) return notReady('starting', 'Sluice does not accept connections yet.');
  return { status: 200, body: { status: 'ready' } };
}

function notReady(status: 'starting' | 'draining', reason: string): Answer {
  return { status: 503, body: { status, reason } };
}
