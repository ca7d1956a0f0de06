import { hostOf, type BenchCase } from '../case.ts';

const services = 1000;

/**
 * What a large configuration costs each request: 1,000 services of 10 targets, and requests that go to all of them in turn. Each of the 10,000
 * targets then has a connection of its own, used four times a second: caches are cold, in the proxy and in the system.
 */
export const thousand: BenchCase = {
  name: 'thousand',
  title: '1,000 services with 10 targets each, requests to all in turn, 64 connections',
  connections: 64,
  answerBytes: 100,
  services,
  // 10,000 connections to open first.
  warmUpSeconds: 6,
  hosts: Array.from({ length: services }, (_, service) => hostOf(service)),
  feature: '1,000 services',
  targets: [{ figure: 'cpuUs', against: 'sluice-plain', limit: 1.1 }],
};

/** The same configuration, and requests to one of its services: what those cost it that nobody asks for. */
export const thousandOne: BenchCase = {
  ...thousand,
  name: 'thousand-one',
  title: '1,000 services with 10 targets each, requests to one of them, 64 connections',
  hosts: [hostOf(services / 2)],
};
