/** The table of metrics, and their text for Prometheus. Workers only count; everything here happens when somebody asks. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { FleetReading } from '../core/merge-reports.ts';
import type { Model } from '../core/model.ts';
import type { ObservedShares } from '../core/observed.ts';
import { durationBucketsMs, type DurationReport, type MirrorReport, type PoolReport, type TargetReport } from '../core/reports.ts';
import type { Snapshot } from '../core/snapshot.ts';

/** What the metrics are computed from. */
export interface MetricsInput {
  readonly reading: FleetReading;
  /** What is in force. */
  readonly model: Model;
  /** What the workers were sent: it has an own target for each address of a name. */
  readonly snapshot: Snapshot;
  /** The shares of the last minute; undefined where nobody keeps them. */
  readonly observed?: ObservedShares | undefined;
}

export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** For the parts of a histogram. */
  readonly metricName?: string;
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** In the order in which they are written. */
  readonly labels: readonly string[];
  readonly samples: (input: MetricsInput) => Iterable<Sample>;
}

/**
 * Every metric of ours. Label values come from the configuration, never from a request, except the status code. Counters of what has been
 * removed stay, because sums over them must not fall; its gauges go as soon as they are 0 (see {@link Present}).
 */
export const metricsTable: readonly Metric[] = [
  {
    name: 'sluice_requests_total',
    help: 'Requests that were sent to a target, by the status that the client got; 499 where the client went away first.',
    type: 'counter',
    labels: ['service', 'pool', 'target', 'code'],
    *samples(input) {
      for (const { labels, target } of eachTarget(input)) {
        for (const [code, value] of Object.entries(target.codes)) yield { labels: { ...labels, code }, value };
      }
    },
  },
  {
    name: 'sluice_request_duration_seconds',
    help: 'From the head of a request to the last byte of its answer.',
    type: 'histogram',
    labels: ['service', 'pool'],
    *samples(input) {
      for (const { labels, pool } of eachPool(input)) yield* histogram('sluice_request_duration_seconds', labels, pool.durations);
    },
  },
  {
    name: 'sluice_inflight_requests',
    help: 'Requests that are being answered now, upgraded connections included.',
    type: 'gauge',
    labels: ['service', 'pool', 'target'],
    *samples(input) {
      const present = new Present(input.snapshot);
      for (const { labels, target } of eachTarget(input)) yield* present.gauge(labels, target.inFlight);
    },
  },
  {
    name: 'sluice_target_available',
    help: '1 where a worker would pick the target now, 0 where none would.',
    type: 'gauge',
    labels: ['service', 'pool', 'target'],
    *samples(input) {
      const present = new Present(input.snapshot);
      for (const { labels, target } of eachTarget(input)) yield* present.gauge(labels, target.available ? 1 : 0);
    },
  },
  {
    name: 'sluice_target_ejections_total',
    help: 'How often a worker has left the target out because connections to it failed.',
    type: 'counter',
    labels: ['service', 'pool', 'target'],
    *samples(input) {
      for (const { labels, target } of eachTarget(input)) yield { labels, value: target.ejections };
    },
  },
  {
    name: 'sluice_queued_requests',
    help: 'Requests that wait for a target of the pool to have room.',
    type: 'gauge',
    labels: ['service', 'pool'],
    *samples(input) {
      const present = new Present(input.snapshot);
      for (const { labels, pool } of eachPool(input)) yield* present.gauge(labels, pool.queued);
    },
  },
  {
    name: 'sluice_pool_picked_total',
    help: 'Requests that were charged to the pool, whoever answered them.',
    type: 'counter',
    labels: ['service', 'pool'],
    *samples(input) {
      for (const { labels, pool } of eachPool(input)) yield { labels, value: pool.picked };
    },
  },
  {
    name: 'sluice_observed_share',
    help: 'The part of its service that the pool had in the last 60 s, 0 to 1, of requests and of clients.',
    type: 'gauge',
    labels: ['service', 'pool', 'by'],
    *samples(input) {
      const present = new Present(input.snapshot);
      for (const [service, pools] of input.observed ?? []) {
        for (const [pool, { requests, clients }] of pools) {
          if (requests !== undefined) yield* present.gauge({ service, pool, by: 'requests' }, requests);
          if (clients !== undefined) yield* present.gauge({ service, pool, by: 'clients' }, clients);
        }
      }
    },
  },
  {
    name: 'sluice_decisions_total',
    help: 'How the pool of a request was decided; docs/access-log.md explains each.',
    type: 'counter',
    labels: ['service', 'decision'],
    *samples(input) {
      for (const { id, decisions } of input.reading.totals.services) {
        for (const [decision, value] of Object.entries(decisions)) yield { labels: { service: id, decision }, value };
      }
    },
  },
  {
    name: 'sluice_retries_total',
    help: 'Attempts beyond the first.',
    type: 'counter',
    labels: ['service'],
    *samples(input) {
      for (const service of input.reading.totals.services) yield { labels: { service: service.id }, value: service.retries };
    },
  },
  {
    name: 'sluice_retries_refused_total',
    help: 'Requests that the budget did not let be sent again.',
    type: 'counter',
    labels: ['service'],
    *samples(input) {
      for (const { id, retriesRefused } of input.reading.totals.services) yield { labels: { service: id }, value: retriesRefused };
    },
  },
  {
    name: 'sluice_rescued_total',
    help: 'Requests whose pool failed them and that the fallback answered.',
    type: 'counter',
    labels: ['service'],
    *samples(input) {
      for (const { id, rescued } of input.reading.totals.services) yield { labels: { service: id }, value: rescued };
    },
  },
  {
    name: 'sluice_mirror_sent_total',
    help: 'Copies of requests that were sent to the pool.',
    type: 'counter',
    labels: ['service', 'pool'],
    *samples(input) {
      for (const { labels, mirror } of eachMirror(input)) yield { labels, value: mirror.sent };
    },
  },
  {
    name: 'sluice_mirror_dropped_total',
    help: 'Copies of requests that were not sent to the pool, or given up, by reason.',
    type: 'counter',
    labels: ['service', 'pool', 'reason'],
    *samples(input) {
      for (const { labels, mirror } of eachMirror(input)) {
        for (const [reason, value] of Object.entries(mirror.dropped)) yield { labels: { ...labels, reason }, value };
      }
    },
  },
  {
    name: 'sluice_weight',
    help: 'The weight of a pool as it is written in the revision in force. While another pool of its service with weight is ready, one in drain or maint counts as of weight 0.',
    type: 'gauge',
    labels: ['service', 'pool'],
    *samples(input) {
      for (const service of input.model.services) {
        for (const pool of service.pools) yield { labels: { service: service.id, pool: pool.id }, value: service.weights[pool.id]! };
      }
    },
  },
  {
    name: 'sluice_revision',
    help: 'The revision that a worker applied last; 0 before its first.',
    type: 'gauge',
    labels: ['worker'],
    *samples(input) {
      for (const worker of input.reading.workers) yield { labels: { worker: worker.id }, value: worker.revision };
    },
  },
  {
    name: 'sluice_connections',
    help: 'Open client connections of a worker.',
    type: 'gauge',
    labels: ['worker'],
    *samples(input) {
      for (const { id, report } of input.reading.workers) {
        if (report !== undefined) yield { labels: { worker: id }, value: report.connections };
      }
    },
  },
  {
    name: 'sluice_accept_pauses_total',
    help: 'How often accepting was paused because file descriptors were short; docs/overload.md says when.',
    type: 'counter',
    labels: [],
    *samples(input) {
      yield { labels: {}, value: input.reading.totals.acceptPauses };
    },
  },
  {
    name: 'sluice_terminations_total',
    help: 'Requests that the proxy itself answered or cut, by cause; docs/errors.md explains each.',
    type: 'counter',
    labels: ['cause'],
    *samples(input) {
      for (const [cause, value] of Object.entries(input.reading.totals.terminations)) yield { labels: { cause }, value };
    },
  },
];

/** Renders our metrics and the control process's own (`process_…`, `nodejs_…`). */
export class Metrics {
  readonly #process = new Registry();
  readonly #read: () => Promise<MetricsInput>;

  constructor(read: () => Promise<MetricsInput>) {
    this.#read = read;
    collectDefaultMetrics({ register: this.#process });
  }

  async render(): Promise<MetricsText> {
    const input = await this.#read();
    // Values come ready-made from the workers. `aggregate` is the library's own way to make a registry of such values.
    const ours = Registry.aggregate([
      metricsTable.map((metric) => ({ ...metric, aggregator: 'first', values: [...metric.samples(input)] })),
    ]);
    const [oursText, processText] = await Promise.all([ours.metrics(), this.#process.metrics()]);
    return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: `${oursText}\n${processText}` };
  }

  /** Stops measuring the process. */
  close(): void {
    this.#process.clear();
  }
}

/**
 * What is configured now. The reports go on naming what was removed, for the sake of its counters, and there a gauge of 0 would be a target
 * that is not available for ever: it is shown only as long as it says that something is still going on.
 */
class Present {
  readonly #pools = new Map<string, ReadonlySet<string>>();

  constructor({ services }: Snapshot) {
    for (const service of services) {
      for (const pool of service.pools) this.#pools.set(`${service.id}/${pool.id}`, new Set(pool.targets.map(({ id }) => id)));
    }
  }

  *gauge(labels: PoolLabels & { readonly target?: string }, value: number): Generator<Sample> {
    if (value !== 0 || this.#has(labels)) yield { labels, value };
  }

  #has({ service, pool, target }: PoolLabels & { readonly target?: string }): boolean {
    const targets = this.#pools.get(`${service}/${pool}`);
    return target === undefined ? targets !== undefined : targets?.has(target) === true;
  }
}

interface PoolLabels {
  readonly service: string;
  readonly pool: string;
  readonly [name: string]: string;
}

function* eachPool(input: MetricsInput): Generator<{ labels: PoolLabels; pool: PoolReport }> {
  for (const service of input.reading.totals.services) {
    for (const pool of service.pools) yield { labels: { service: service.id, pool: pool.id }, pool };
  }
}

function* eachTarget(input: MetricsInput): Generator<{ labels: PoolLabels & { readonly target: string }; target: TargetReport }> {
  for (const { labels, pool } of eachPool(input)) {
    for (const target of pool.targets) yield { labels: { ...labels, target: target.id }, target };
  }
}

function* eachMirror(input: MetricsInput): Generator<{ labels: PoolLabels; mirror: MirrorReport }> {
  for (const service of input.reading.totals.services) {
    for (const mirror of service.mirrors) yield { labels: { service: service.id, pool: mirror.pool }, mirror };
  }
}

/** Prometheus wants cumulative buckets with upper bounds in seconds; the report has plain counts in milliseconds. */
function* histogram(name: string, labels: Sample['labels'], durations: DurationReport): Generator<Sample> {
  let count = 0;
  for (const [index, boundMs] of durationBucketsMs.entries()) {
    count += durations.counts[index] ?? 0;
    yield { metricName: `${name}_bucket`, labels: { ...labels, le: boundMs / 1000 }, value: count };
  }
  count += durations.counts[durationBucketsMs.length] ?? 0;
  yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count };
  yield { metricName: `${name}_sum`, labels, value: durations.sumMs / 1000 };
  yield { metricName: `${name}_count`, labels, value: count };
}
