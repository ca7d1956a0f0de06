/** The calls of the admin API as data: they are registered, checked, authorised and documented from this one table. */
import { configRoutes } from './config.ts';
import { metricsRoutes } from './metrics.ts';
import { openApiRoutes } from './openapi.ts';
import { probeRoutes } from './probes.ts';
import { revisionRoutes } from './revisions.ts';
import type { Route } from './route.ts';
import { serviceRoutes } from './services.ts';
import { statusRoutes } from './status.ts';
import { switchRoutes } from './switch.ts';
import { weightsRoutes } from './weights.ts';

export const routes: readonly Route[] = [
  ...statusRoutes,
  ...configRoutes,
  ...serviceRoutes,
  ...weightsRoutes,
  ...switchRoutes,
  ...revisionRoutes,
  ...metricsRoutes,
  ...probeRoutes,
  ...openApiRoutes,
];
