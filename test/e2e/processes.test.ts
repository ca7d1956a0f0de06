import { rmSync } from 'node:fs';
import { describe, expect, test, type TestContext } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { eventually, isAlive, type SluiceProcess, startSluice } from '../support/process.ts';
import { startApp, startHoldingApp } from './app.ts';
import { Connection } from './connection.ts';
import { untilRefused } from './refused.ts';

const twoPools = (url: { blue: string; green: string }): JsonObject => ({
  services: {
    demo: {
      pools: { blue: { targets: [url.blue] }, green: { targets: [url.green] } },
      weights: { blue: 100, green: 0 },
      debugHeaders: true,
    },
  },
});

async function startWithTwoPools(t: TestContext): Promise<SluiceProcess> {
  const [blue, green] = await Promise.all([startApp(t, 'blue'), startApp(t, 'green')]);
  return startSluice(t, { document: twoPools({ blue: blue.url, green: green.url }) });
}

/** Opens connections that this worker, and no other, has accepted: the other one is stopped meanwhile. */
async function connectTo(t: TestContext, sluice: SluiceProcess, workerId: number, count: number): Promise<Connection[]> {
  const { workers } = await sluice.status();
  const others = workers.filter(({ id }) => id !== workerId);
  for (const { pid } of others) process.kill(pid, 'SIGSTOP');
  try {
    const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(t, sluice.proxyUrl)));
    await Promise.all(connections.map((connection) => connection.get()));
    return connections;
  } finally {
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
  }
}

/** Sends one request after the other until told to stop; gives the pools that answered, and throws at the first failure. */
function keepAsking(connection: Connection): { readonly stop: () => Promise<readonly string[]> } {
  const wish = { stopped: false };
  const asking = (async () => {
    const pools: string[] = [];
    while (!wish.stopped) {
      const { status, body } = await connection.get();
      expect(status).toBe(200);
      pools.push(body);
    }
    return pools;
  })();
  asking.catch(() => {});
  return {
    stop() {
      wish.stopped = true;
      return asking;
    },
  };
}

/** Resolves when none of the processes is left. Their output closes a moment before. */
async function untilGone(processes: readonly { readonly pid: number }[]): Promise<void> {
  await eventually(
    async () => processes.filter(({ pid }) => isAlive(pid)),
    (left) => left.length === 0,
  );
}

describe('workers', () => {
  test('a killed worker is replaced at once, and only its own connections die', async (t) => {
    const sluice = await startWithTwoPools(t);
    const victim = (await sluice.status()).workers[0]!;
    const doomed = await connectTo(t, sluice, 1, 4);
    const lucky = await connectTo(t, sluice, 2, 4);

    process.kill(victim.pid, 'SIGKILL');
    await Promise.all(doomed.map((connection) => connection.closed));
    const replaced = await sluice.waitForLog(({ msg, worker }) => msg === 'a worker has taken its place' && worker === 1);

    expect(replaced['workerPid']).not.toBe(victim.pid);
    for (const connection of lucky) expect((await connection.get()).body).toBe('blue');
    const status = await eventually(
      () => sluice.status(),
      ({ workers }) => workers.every(({ revision }) => revision === 1),
    );
    expect(status.workers.map(({ id }) => id)).toEqual([1, 2]);
    const [fresh] = await connectTo(t, sluice, 1, 1);
    expect((await fresh!.get()).body).toBe('blue');
  });

  test('a request in flight on another worker does not notice', async (t) => {
    const blue = await startHoldingApp(t);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: blue.url }) });
    const [slow] = await connectTo(t, sluice, 2, 1);
    const answer = slow!.get('/hold');
    await blue.arrived;
    process.kill((await sluice.status()).workers[0]!.pid, 'SIGKILL');
    await sluice.waitForLog(({ msg }) => msg === 'a worker has taken its place');
    blue.finish();
    expect((await answer).body).toBe('finished');
  });

  test('a replacement starts with the latest revision, even while control is away', async (t) => {
    const sluice = await startWithTwoPools(t);
    expect((await sluice.api('POST', '/v1/services/demo/switch', { to: 'green' })).status).toBe(200);
    const before = await sluice.status();

    process.kill(before.control.pid, 'SIGSTOP');
    process.kill(before.workers[0]!.pid, 'SIGKILL');
    await sluice.waitForLog(({ msg }) => msg === 'a worker has taken its place');
    process.kill(before.workers[1]!.pid, 'SIGSTOP');
    const { head, body } = await (await Connection.open(t, sluice.proxyUrl)).get();

    expect(body).toBe('green');
    expect(head).toMatch(/^x-sluice-revision: 2$/im);
  });

  test('a stopped worker makes the change 202 and is named; when it goes on it catches up', async (t) => {
    const sluice = await startWithTwoPools(t);
    const stopped = (await sluice.status()).workers[1]!;
    process.kill(stopped.pid, 'SIGSTOP');

    // Several, so that what it missed is skipped and not kept for it.
    for (const weight of [1, 2, 3]) {
      const answer = await sluice.api('PUT', '/v1/services/demo/weights?timeout=200ms', { blue: 100, green: weight });
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ applied: [{ worker: 1 }], stragglers: [{ worker: 2, pid: stopped.pid }] });
    }
    const meanwhile = await sluice.status();
    expect(meanwhile.workers.map(({ revision }) => revision)).toEqual([4, 1]);
    const warnings = sluice.events().filter(({ msg }) => msg?.startsWith('a worker has not applied a revision in time'));
    expect(warnings).toMatchObject([{ worker: 2, workerPid: stopped.pid, revision: 2, has: 1 }]);

    process.kill(stopped.pid, 'SIGCONT');
    await eventually(
      () => sluice.status(),
      ({ workers }) => workers[1]!.revision === 4,
    );
    await sluice.waitForLog(({ msg }) => msg === 'a late worker has caught up');
    expect((await sluice.api('POST', '/v1/services/demo/switch', { to: 'green' })).status).toBe(200);
  });

  test('totals do not run backwards when a worker dies', async (t) => {
    const sluice = await startWithTwoPools(t);
    for (const id of [1, 2]) {
      const [connection] = await connectTo(t, sluice, id, 1);
      for (let request = 0; request < 9; request++) await connection!.get();
    }
    const before = await sluice.status();
    expect(before.services['demo']!.pools['blue']!.requests).toBe(20);

    process.kill(before.workers[0]!.pid, 'SIGKILL');
    await sluice.waitForLog(({ msg }) => msg === 'a worker has taken its place');
    expect((await sluice.status()).services['demo']!.pools['blue']!.requests).toBe(20);

    process.kill(before.control.pid, 'SIGKILL');
    await sluice.waitForLog(({ msg }) => msg === 'control has taken its place');
    expect((await sluice.status()).services['demo']!.pools['blue']!.requests).toBe(20);
  });
});

describe('control', () => {
  test('never goes back behind what workers serve, when somebody has deleted the data directory', async (t) => {
    const sluice = await startWithTwoPools(t);
    await sluice.api('POST', '/v1/services/demo/switch', { to: 'green' });
    const { pid } = (await sluice.status()).control;
    rmSync(sluice.dataDir, { recursive: true });
    expect(await sluice.api('PUT', '/v1/services/demo/weights', { blue: 1 })).toMatchObject({
      status: 503,
      body: { code: 'STORE_UNAVAILABLE' },
    });
    process.kill(pid, 'SIGKILL');
    await sluice.waitForLog(
      ({ level, msg }) =>
        level === 'error' && msg !== undefined && msg.startsWith('The data directory holds nothing, but workers serve revision 2'),
    );
    const { body } = await (await Connection.open(t, sluice.proxyUrl)).get();
    expect(body).toBe('green');
  });

  test('a killed control process comes back, and traffic does not notice', async (t) => {
    const sluice = await startWithTwoPools(t);
    const connections = [...(await connectTo(t, sluice, 1, 2)), ...(await connectTo(t, sluice, 2, 2))];
    const asking = connections.map(keepAsking);
    await sluice.api('PUT', '/v1/services/demo/weights', { blue: 1, green: 1 });

    const killed = (await sluice.status()).control.pid;
    process.kill(killed, 'SIGKILL');
    await sluice.waitForLog(({ msg }) => msg === 'control has taken its place');

    const status = await sluice.status();
    expect(status.control.pid).not.toBe(killed);
    expect(status).toMatchObject({ state: 'ready', revision: 2 });
    expect(status.workers.map(({ revision }) => revision)).toEqual([2, 2]);
    const change = await sluice.api('POST', '/v1/services/demo/switch', { to: 'green' });
    expect(change).toMatchObject({ status: 200, body: { revision: 3, applied: [{ worker: 1 }, { worker: 2 }] } });

    const pools = await Promise.all(asking.map(({ stop }) => stop()));
    expect(pools.flat().length).toBeGreaterThan(0);
    expect((await (await Connection.open(t, sluice.proxyUrl)).get()).body).toBe('green');
  });

  test('it waits for a worker that starts while a change is published', async (t) => {
    const sluice = await startWithTwoPools(t);
    const { workers } = await sluice.status();
    process.kill(workers[0]!.pid, 'SIGKILL');
    for (let revision = 2; revision < 30; revision++) {
      const answer = await sluice.api('PUT', '/v1/services/demo/weights', { blue: revision, green: 1 });
      expect(answer.status).toBe(200);
      const { head } = await (await Connection.open(t, sluice.proxyUrl)).get();
      expect(head).toMatch(new RegExp(`^x-sluice-revision: ${revision}$`, 'im'));
    }
  });
});

describe('stopping', () => {
  test('SIGTERM finishes the request in flight, turns /readyz to 503 meanwhile, and exits 0', async (t) => {
    const blue = await startHoldingApp(t);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: blue.url }) });
    expect((await sluice.api('GET', '/readyz')).status).toBe(200);
    const answer = (await Connection.open(t, sluice.proxyUrl)).get('/hold');
    await blue.arrived;

    sluice.signal('SIGTERM');
    await sluice.waitForLog(({ msg }) => msg === 'stopping: running requests are finished');
    await eventually(
      () => sluice.api('GET', '/readyz'),
      ({ status }) => status === 503,
    );
    await untilRefused(t, sluice.proxyUrl);
    blue.finish();
    const { body, head } = await answer;
    expect(body).toBe('finished');
    expect(head).toMatch(/^connection: close$/im);
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
    expect(sluice.output()).not.toContain('ended unexpectedly');
  });

  test('a signal to the whole group, as Ctrl-C and systemd send it, drains as well', async (t) => {
    const blue = await startHoldingApp(t);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: blue.url }) });
    const answer = (await Connection.open(t, sluice.proxyUrl)).get('/hold');
    await blue.arrived;
    process.kill(-sluice.pid, 'SIGINT');
    // npm passes Ctrl-C on, although the terminal has sent it to everybody: that is no second wish.
    sluice.signal('SIGINT');
    await sluice.waitForLog(({ msg }) => msg === 'stopping: running requests are finished');
    blue.finish();
    expect((await answer).body).toBe('finished');
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
  });

  test('an admin call that waits for a stopped worker is answered before control leaves', async (t) => {
    const sluice = await startWithTwoPools(t);
    const { workers } = await sluice.status();
    process.kill(workers[0]!.pid, 'SIGSTOP');
    const answer = sluice.api('PUT', '/v1/services/demo/weights?timeout=60s', { blue: 1, green: 1 });
    await sluice.waitForLog(({ msg, actor }) => msg === 'revision committed' && actor !== 'file');
    sluice.signal('SIGTERM');
    await sluice.waitForLog(({ msg }) => msg === 'stopping: running requests are finished');
    process.kill(workers[0]!.pid, 'SIGCONT');
    expect((await answer).status).toBe(200);
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
  });

  test('a second signal ends it at once with exit code 1, and nothing is left behind', async (t) => {
    const blue = await startHoldingApp(t);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: blue.url }) });
    const { workers, control: controlProcess } = await sluice.status();
    const connection = await Connection.open(t, sluice.proxyUrl);
    void connection.get('/hold').catch(() => {});
    await blue.arrived;
    sluice.signal('SIGTERM');
    await sluice.waitForLog(({ msg }) => msg === 'stopping: running requests are finished');
    // The echo of one signal within half a second is not a second one, so it is sent until it is heard.
    const insisting = setInterval(() => sluice.signal('SIGTERM'), 50);
    expect(await sluice.exited).toEqual({ code: 1, signal: null });
    clearInterval(insisting);
    await untilGone([...workers, controlProcess]);
  });

  test('a restart resumes the last revision', async (t) => {
    const [blue, green] = await Promise.all([startApp(t, 'blue'), startApp(t, 'green')]);
    const document = twoPools({ blue: blue.url, green: green.url });
    const first = await startSluice(t, { document });
    await first.api('POST', '/v1/services/demo/switch', { to: 'green' });
    first.signal('SIGTERM');
    await first.exited;

    const second = await startSluice(t, { document, dataDir: first.dataDir });
    expect((await second.status()).revision).toBe(2);
    expect((await (await Connection.open(t, second.proxyUrl)).get()).body).toBe('green');
  });

  test('when the supervisor is killed, workers finish what runs, and nothing stays behind', async (t) => {
    const blue = await startHoldingApp(t);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: blue.url }) });
    const { workers, control: controlProcess } = await sluice.status();
    const answer = (await Connection.open(t, sluice.proxyUrl)).get('/hold');
    await blue.arrived;

    sluice.signal('SIGKILL');
    await untilGone([controlProcess]);
    await untilRefused(t, sluice.proxyUrl);
    blue.finish();
    expect((await answer).body).toBe('finished');
    await sluice.exited;
    await untilGone(workers);
  });
});

describe('one process', () => {
  test('with no workers everything runs in one process, and stops as cleanly', async (t) => {
    const [blue, green] = await Promise.all([startApp(t, 'blue'), startApp(t, 'green')]);
    const sluice = await startSluice(t, { document: twoPools({ blue: blue.url, green: green.url }), workers: 0 });
    const status = await sluice.status();
    expect(status.supervisor.pid).toBe(sluice.pid);
    expect(status.control.pid).toBe(sluice.pid);
    expect(status.workers).toMatchObject([{ id: 0, pid: sluice.pid, revision: 1 }]);

    const change = await sluice.api('POST', '/v1/services/demo/switch', { to: 'green' });
    expect(change).toMatchObject({ status: 200, body: { applied: [{ worker: 0 }] } });
    expect((await (await Connection.open(t, sluice.proxyUrl)).get()).body).toBe('green');
    sluice.signal('SIGTERM');
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
  });
});
