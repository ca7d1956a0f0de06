import { expect, test } from 'vitest';
import { complaintsAbout, play, scenarios } from './ill-scenarios.ts';
import { IllSite } from './ill-site.ts';

const connections = 12;

// A loop, because `test.each` cuts the claims short.
for (const scenario of scenarios) {
  test(`${scenario.claim}: no request is lost that another target could answer`, async (t) => {
    const site = await IllSite.start(t, scenario.site ?? {}, connections);
    const account = await play(site, scenario, 1);
    expect(complaintsAbout(account, scenario, connections)).toEqual([]);
  });
}
