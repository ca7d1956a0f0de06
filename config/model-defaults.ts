/** What the defaults mean, in the units of the model: for tests, and for programs that embed Sluice and make models of their own. */
import type { HealthCheck, Pool, Service, Sticky, Target } from '../src/core/model.ts';
import { readHealth, readPool, readTarget } from './pools.ts';
import { readService, readSticky } from './services.ts';

const { id: _targetId, address: _address, ...target } = readTarget('http://127.0.0.1');
const { id: _poolId, targets: _targets, ...pool } = readPool('pool', { targets: [] });
const { id: _serviceId, pools: _pools, weights: _weights, ...service } = readService('service', { pools: {} });

/** A target that says nothing but its address. */
export const targetModelDefaults: Omit<Target, 'id' | 'address'> = target;
/** A pool that says nothing but its targets: not probed, no limits. */
export const poolModelDefaults: Omit<Pool, 'id' | 'targets'> = pool;
/** A service that says nothing but its pools: not sticky, no fallback, no overrides, no mirrors. */
export const serviceModelDefaults: Omit<Service, 'id' | 'pools' | 'weights'> = service;
/** `health: {}` */
export const healthModelDefaults: HealthCheck = readHealth({});
/** `sticky: {}` */
export const stickyModelDefaults: Sticky = readSticky({});
