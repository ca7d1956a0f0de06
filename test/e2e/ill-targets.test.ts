import { expect, test, vi } from 'vitest';
import { complaintsAbout, play, scenarios } from './ill-scenarios.ts';
import { IllSite } from './ill-site.ts';

const connections = 12;

// Each has targets and a Sluice of its own, and spends half of its time waiting until something has been noticed.
vi.setConfig({ maxConcurrency: 2 });

// A loop, because `test.each` cuts the claims short.
for (const scenario of scenarios) {
  test.concurrent(`${scenario.claim}: no request is lost that another target could answer`, async (t) => {
    const site = await IllSite.start(t, scenario.site ?? {}, connections);
    const account = await play(site, scenario, () => true);
    expect(complaintsAbout(account, scenario, connections)).toEqual([]);
  });
}
