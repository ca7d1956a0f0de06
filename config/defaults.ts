/**
 * Every default of the configuration, as an operator would type it, with the reason for it. The schema publishes the values, the
 * reference page prints both, and `interpret` reads them from here: there is no second place.
 */
export interface Default<T> {
  readonly value: T;
  /** Why this value and not another, in a sentence that follows the description of the key. */
  readonly why: string;
}

export const listenerTimeoutDefaults = {
  head: {
    value: '10s',
    why: 'Ten seconds is plenty for a phone on a bad link and short for somebody who sends one byte at a time to hold connections.',
  },
  keepAlive: {
    value: '75s',
    why: 'Longer than the 60 s after which common cloud load balancers and browsers give up, so that it is they who close first.',
  },
  write: {
    value: '30s',
    why: 'A client that takes no byte for this long is gone; until then it holds memory here and a connection to a target.',
  },
} as const satisfies Record<string, Default<string>>;

export const listenerLimitDefaults = {
  headBytes: { value: '32KiB', why: 'Large cookies and tokens fit; nginx and HAProxy allow about as much.' },
  fields: { value: 128, why: 'Browsers send about 20; a request with many more is an attack or a loop.' },
  connections: { value: 10_000, why: 'Bounds the memory of one worker at some hundred MiB in the worst case.' },
  connectionsPerClient: { value: 0, why: 'Many people can share one address, and behind another proxy everybody does.' },
  bodyBytes: {
    value: 0,
    why: 'Bodies are streamed, not kept, so a large upload costs no memory; how much is too much is for the application to say.',
  },
} as const satisfies Record<string, Default<string | number>>;

export const listenersDefault = {
  value: [{ name: 'web', address: '0.0.0.0:8080' }],
  why: 'Port 8080 needs no privilege, and a load balancer that only listens on loopback would be of no use.',
} as const satisfies Default<unknown>;

export const adminDefaults = {
  address: { value: '127.0.0.1:8081', why: 'Whoever reaches the admin API can move traffic, so by default only this machine can.' },
  tokens: { value: [], why: 'On loopback the machine itself is the boundary; elsewhere at least one token is required.' },
} as const satisfies Record<string, Default<unknown>>;

export const processDefaults = {
  dataDir: { value: './sluice-data', why: 'Beside the place where Sluice was started: visible, and needs no privilege.' },
  workers: { value: 'auto', why: 'One worker per core uses the whole machine.' },
} as const satisfies Record<string, Default<string>>;

export const logDefaults = {
  level: { value: 'info', why: 'Says every change and every failure, and nothing per request.' },
  access: { value: true, why: 'When something goes wrong the line is wanted for a request that is already over.' },
} as const satisfies Record<string, Default<string | boolean>>;

export const targetDefaults = {
  weight: { value: 1, why: 'Targets share evenly until somebody says otherwise.' },
} as const satisfies Record<string, Default<number>>;

export const retryDefaults = {
  attempts: {
    value: 1,
    why: 'One other target hides a machine that has just died; more tries would multiply the load when all of them are ill.',
  },
} as const satisfies Record<string, Default<number>>;

export const serviceTimeoutDefaults = {
  connect: {
    value: '1s',
    why: 'Within a data centre a connect takes about a millisecond; one second allows one lost packet to be sent again.',
  },
  response: { value: '30s', why: 'Few people wait longer for the first byte, and a target that hangs is found within half a minute.' },
  idle: { value: '60s', why: 'Servers that push events usually send a sign of life every 15 to 30 s; a silent minute means a dead peer.' },
  request: {
    value: '0s',
    why: 'Downloads, event streams and long polls legitimately last for hours; `response` and `idle` already find a target that hangs.',
  },
} as const satisfies Record<string, Default<string>>;

export const serviceDefaults = {
  debugHeaders: { value: false, why: 'The names of pools and targets are nobody else’s business; switch it on while testing a release.' },
  balance: { value: 'round-robin', why: 'Predictable, and even where requests cost about the same.' },
} as const satisfies Record<string, Default<boolean | string>>;

/** What a service with one pool means by leaving `weights` out. Relative, so any positive number would do; 100 reads as a percentage. */
export const onlyPoolWeight = 100;
