/** The calls of the admin API as data: they are registered, checked, authorised and documented from this one table. */
import { configRoutes } from './config.ts';
import { eventRoutes } from './events.ts';
import { metricsRoutes } from './metrics.ts';
import { openApiRoutes } from './openapi.ts';
import { poolRoutes } from './pools.ts';
import { probeRoutes } from './probes.ts';
import { revisionRoutes } from './revisions.ts';
import type { Route } from './route.ts';
import { serviceRoutes } from './services.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { stateRoutes } from './states.ts';
import { statusRoutes } from './status.ts';
import { switchRoutes } from './switch.ts';
import { targetRoutes } from './targets.ts';
import { trafficRuleRoutes } from './traffic-rules.ts';
import { weightsRoutes } from './weights.ts';

export const routes: readonly Route[] = [
  ...statusRoutes,
  ...configRoutes,
  ...serviceRoutes,
  ...weightsRoutes,
  ...switchRoutes,
  ...poolRoutes,
  ...targetRoutes,
  ...stateRoutes,
  ...trafficRuleRoutes,
  ...revisionRoutes,
  ...eventRoutes,
  ...signingKeyRoutes,
  ...metricsRoutes,
  ...probeRoutes,
  ...openApiRoutes,
];
