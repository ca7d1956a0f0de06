// Question: does a request cost more to route with 1,000 routes than with 10?
// Method:   1e6 look-ups after warm-up, median of 9 runs; hosts and paths as a shop with many tenants would have them. The naive version,
//           which tries every route, stays below for comparison.
import type { Route } from '../src/core/model.ts';
import { compileRoutes, matchRoute, type RouteSubject } from '../src/core/routes.ts';
import { medianNanoseconds } from './micro.ts';

const times = 1_000_000;

function routes(count: number): Route[] {
  return Array.from({ length: count }, (_, index) => ({
    match: {
      host: { kind: 'exact', value: `tenant-${Math.floor(index / 5)}.example` },
      path: { kind: 'prefix', value: `/api/v${index % 5}` },
      methods: [],
      headers: [],
      query: [],
      cookies: [],
    },
    serviceId: 'shop',
  }));
}

function subjects(count: number): RouteSubject[] {
  return Array.from({ length: 100 }, (_, index) => ({
    host: `tenant-${Math.floor(((index * 7919) % count) / 5)}.example`,
    path: `/api/v${index % 5}/orders/12345`,
    method: 'GET',
    header: () => undefined,
    queryValue: () => undefined,
    cookie: () => undefined,
  }));
}

function naiveMatch(all: readonly Route[], { host, path }: RouteSubject): number {
  return all.findIndex(({ match }) => match.host?.value === host && path.startsWith(`${match.path?.value}/`));
}

for (const count of [10, 1000]) {
  const all = routes(count);
  const table = compileRoutes(all);
  const asked = subjects(count);
  let found = 0;
  const compiled = medianNanoseconds(times, (rounds) => {
    for (let round = 0; round < rounds; round++) found += matchRoute(table, asked[round % 100]!);
  });
  const naive = medianNanoseconds(times / 100, (rounds) => {
    for (let round = 0; round < rounds; round++) found += naiveMatch(all, asked[round % 100]!);
  });
  if (found <= 0) throw new Error('nothing was found');
  console.log(`${String(count).padStart(5)} routes: ${compiled.toFixed(0)} ns a request; trying every route: ${naive.toFixed(0)} ns`);
}
