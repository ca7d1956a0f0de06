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
  connections: { value: 10_000, why: 'Bounds memory at some hundred MiB where no client reads; docs/overload.md has the sums.' },
  connectionsPerClient: { value: 0, why: 'Many people can share one address, and behind another proxy everybody does.' },
  bodyBytes: {
    value: 0,
    why: 'Bodies are streamed, not kept, so a large upload costs no memory; how much is too much is for the application to say.',
  },
} as const satisfies Record<string, Default<string | number>>;

export const clientDefaults = {
  trustedProxies: { value: [], why: 'Whoever is believed can pass for anybody, so only you can say who that is.' },
  requestIds: { value: true, why: 'A request can then be found in the logs of everybody whom it has passed.' },
  traceContext: { value: 'make', why: 'Applications that trace then find all that one request has come to under one name.' },
} as const satisfies Record<string, Default<unknown>>;

export const encryptionDefaults = {
  minVersion: { value: '1.2', why: 'Older versions are broken (RFC 8996), and there are still clients that have nothing newer than 1.2.' },
  required: { value: true, why: 'Whoever names authorities for clients wants to keep others out.' },
} as const satisfies Record<string, Default<string | boolean>>;

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
  state: { value: 'ready', why: 'Whoever adds a target wants it used.' },
} as const satisfies Record<string, Default<string | number>>;

export const targetTlsDefaults = {
  verify: { value: true, why: 'Encryption to whoever answers protects from nobody who can answer.' },
} as const satisfies Record<string, Default<boolean>>;

export const poolDefaults = {
  state: { value: 'ready', why: 'How much a new pool gets is for its weight to say.' },
  balance: { value: 'round-robin', why: 'Predictable, and even where requests cost about the same.' },
  hashKey: { value: { address: true }, why: 'Every request has it.' },
  panic: {
    value: '0%',
    why: 'Requests sent to targets that are known to be ill are lost; that is better than an error only where no target is left.',
  },
  slowStart: { value: '0s', why: 'Only programs that start cold need it, and it makes the rest of the pool carry more meanwhile.' },
} as const satisfies Record<string, Default<unknown>>;

export const healthDefaults = {
  type: { value: 'http', why: 'An answer says more than an open port: programs that hang still accept connections.' },
  path: { value: '/', why: 'Every site has it; a page made for the purpose is better.' },
  method: { value: 'GET', why: 'The one method that every program answers.' },
  verify: { value: true, why: 'An expired certificate should be found by a probe before clients find it.' },
  interval: { value: '2s', why: 'With three failures in a row, a dead target is found within about six seconds.' },
  timeout: { value: '1s', why: 'A page made for probes answers in milliseconds; a second allows one lost packet to be sent again.' },
  rise: { value: 2, why: 'One pass can be luck while a program starts.' },
  fall: { value: 3, why: 'One or two failures can be a lost packet or a pause of the target’s.' },
  agent: { value: true, why: 'It costs nothing where targets do not send the field.' },
} as const satisfies Record<string, Default<string | number | boolean>>;

export const expectDefaults = {
  status: { value: '200-299', why: 'A redirect or an error page is not what was asked for.' },
  headers: { value: {}, why: 'The status says enough.' },
  body: { value: '', why: 'The status says enough.' },
} as const satisfies Record<string, Default<unknown>>;

export const ejectionDefaults = {
  failures: { value: 5, why: 'One or two connections fail when a target is restarted; five in a row do not fail by chance.' },
  base: { value: '30s', why: 'About what a program needs to be started again.' },
  max: { value: '300s', why: 'A target that was ill for hours is tried again within five minutes of its recovery.' },
  share: {
    value: '50%',
    why: 'The half that is left has to carry everything; where more than half fails, the cause is rarely the targets.',
  },
} as const satisfies Record<string, Default<string | number>>;

export const poolLimitDefaults = {
  maxConnections: { value: 0, why: 'How many a target can take, only you know.' },
  maxInFlight: { value: 0, why: 'How many a target can take, only you know.' },
  maxQueued: { value: 128, why: 'Enough for a burst, and few enough that the last one in the queue still has somebody waiting for it.' },
  queueTimeout: { value: '5s', why: 'Few people wait longer before they reload, which would only make the queue longer.' },
} as const satisfies Record<string, Default<string | number>>;

export const retryDefaults = {
  attempts: {
    value: 1,
    why: 'One other target hides a machine that has just died; more tries would multiply the load when all of them are ill.',
  },
  budget: {
    value: '20%',
    why: 'Covers a few targets that die, and adds at most a fifth to the load of a pool whose targets are all too slow.',
  },
  bodyBuffer: { value: '64KiB', why: 'Nearly every form and every call of an API fits; uploads do not, and are rarely repeatable anyway.' },
  putDelete: {
    value: false,
    why: 'By the standard they may be carried out twice, but many applications count, log or notify on each.',
  },
  rescue: {
    value: false,
    why: 'A fallback that answers for a bad release hides it from the people who are to notice it.',
  },
} as const satisfies Record<string, Default<string | number | boolean>>;

export const serviceTimeoutDefaults = {
  connect: {
    value: '1s',
    why: 'Within a data centre a connect takes about a millisecond; one second allows one lost packet to be sent again.',
  },
  response: { value: '30s', why: 'Few people wait longer for the first byte, and a target that hangs is found within half a minute.' },
  idle: { value: '60s', why: 'Servers that push events usually send a sign of life every 15 to 30 s; a silent minute means a dead peer.' },
  upgraded: {
    value: '1h',
    why: 'Many WebSockets wait for rare news and send no pings; after an hour it is likelier that somebody has vanished without a word.',
  },
  request: {
    value: '0s',
    why: 'Downloads, event streams and long polls legitimately last for hours; `response` and `idle` already find a target that hangs.',
  },
  drain: { value: '30s', why: 'Nearly every request is over by then, and a release need not wait for the few that are not.' },
} as const satisfies Record<string, Default<string>>;

export const serviceDefaults = {
  debugHeaders: { value: false, why: 'The names of pools and targets are nobody else’s business; switch it on while testing a release.' },
} as const satisfies Record<string, Default<boolean | string>>;

export const stickyDefaults = {
  key: { value: { cookie: 'sluice_id' }, why: 'Works for every client that keeps cookies, and needs nothing of the application.' },
  target: { value: false, why: 'An application that needs it loses sessions when a target goes; it should be asked for.' },
  onShrink: { value: 'move', why: 'A weight that is lowered should take effect now, above all when a release goes wrong.' },
  maxAge: { value: '24h', why: 'Longer than nearly every visit, shorter than most releases take to follow each other.' },
  path: { value: '/', why: 'One version for the whole site.' },
  sameSite: {
    value: 'lax',
    why: 'Links from elsewhere still bring the cookie, and requests that other sites make in the background do not.',
  },
  secure: { value: 'auto', why: 'Behind plain HTTP a cookie marked as secure would never come back.' },
} as const satisfies Record<string, Default<unknown>>;

export const mirrorDefaults = {
  percent: { value: 100, why: 'A shadow that sees every request tells most; lower it where the shadow is smaller than what it copies.' },
  unsafe: { value: false, why: 'A copied order is ordered twice, unless the shadow has a database of its own.' },
} as const satisfies Record<string, Default<number | boolean>>;

/** What a service with one pool means by leaving `weights` out. Relative, so any positive number would do; 100 reads as a percentage. */
export const onlyPoolWeight = 100;
