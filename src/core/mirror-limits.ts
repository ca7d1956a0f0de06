/** What mirrors may take of one worker, and why a copy comes to nothing. */

/** Over any of these a copy is dropped and counted; the request that it is a copy of never notices. */
export interface MirrorLimits {
  /** Copies at the same time, from the head of the request to the end of the copy's answer. */
  readonly copies: number;
  /** Connections to one address, each of which carries one copy at a time. */
  readonly connections: number;
  /**
   * Copies that wait for one of the connections to an address, so that requests which come at the same moment are not lost to the shadow.
   * With those that are being carried they are a quarter of all copies: shadows that hang must not take everything from those that do not.
   */
  readonly waiting: number;
  /** Of one request's body. */
  readonly bodyBytes: number;
  /** Of all bodies that are kept at the same time. With the other defaults it is never reached: 64 copies of 64 KiB are 4 MiB. */
  readonly memoryBytes: number;
  /** So much of an answer is read, and thrown away; the connection is closed rather than read on. */
  readonly answerBytes: number;
  /** From the head of the request to the end of the copy's answer. */
  readonly timeMs: number;
  /** An address that could not be connected to is left alone for so long: a shadow that is down must not cost a connect per request. */
  readonly pauseMs: number;
  /** A connection that has carried nothing for so long is given up. */
  readonly idleMs: number;
}

/** Fixed: bounds that hold whatever is configured are what makes a mirror safe to switch on. */
export const mirrorLimits: MirrorLimits = {
  copies: 64,
  connections: 8,
  waiting: 8,
  bodyBytes: 64 * 1024,
  memoryBytes: 16 * 1024 * 1024,
  answerBytes: 64 * 1024,
  timeMs: 5000,
  pauseMs: 1000,
  idleMs: 4000,
};

/**
 * The closed list of reasons. The names are public (status, metrics): never rename one, never reuse a retired one. The first group was not
 * sent; `timeout` may have been; `reset` was, so that it counts as sent, too.
 *
 * Requests that are not in the share, that may change something, that want another protocol or that are copies themselves are not copied
 * in the first place, and appear nowhere.
 */
export const mirrorDrops = {
  concurrency: 'As many copies were on their way as one worker has at a time.',
  busy: 'As many copies as may were waiting for a connection to the target.',
  body_too_large: 'The body of the request is larger than what is kept of one.',
  memory: 'The bodies of other copies took all the memory that there is for them.',
  no_target: 'No target of the pool was available.',
  invalid: 'The request is not one that the client for copies sends, such as OPTIONS *.',
  incomplete: 'The request was cut off before its end, or the worker stopped.',
  connect_failed:
    'The target could not be connected to, or could not a moment ago, or has just broken off eight copies in a row: then it is left alone for a second.',
  timeout: 'The copy took too long: to arrive, to be sent or to be answered.',
  reset: 'The connection broke before the end of the answer, or what came was not HTTP.',
} as const;

export type MirrorDrop = keyof typeof mirrorDrops;
