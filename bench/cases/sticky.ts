import type { BenchCase } from '../case.ts';
import { clientCookies } from '../client-cookies.ts';

/** What keeping clients in their pools costs, and choosing targets by their latency: against the same with split and round robin. */
export const sticky: BenchCase = {
  name: 'sticky',
  title: '100-byte answers, 64 connections, 1,000 clients with cookies, 3 pools',
  connections: 64,
  answerBytes: 100,
  cookies: clientCookies(1000),
  feature: 'stickiness',
  targets: [],
};
