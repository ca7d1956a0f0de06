/** A signal within this time of the first is its echo: `npm start` passes Ctrl-C on, although the terminal has sent it to all already. */
const echoMs = 500;

export interface StopRequest {
  /** Resolves with the signal's name at the first SIGTERM or SIGINT. */
  readonly first: Promise<NodeJS.Signals>;
  /** Resolves at a further one: whoever sent it does not want to wait any longer. */
  readonly second: Promise<NodeJS.Signals>;
}

/** Listens for the signals that stop Sluice, in the process that an operator sees. */
export function listenForStop(): StopRequest {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let firstAt: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        first.resolve(signal);
      } else if (performance.now() - firstAt > echoMs) {
        second.resolve(signal);
      }
    });
  }
  return { first: first.promise, second: second.promise };
}

/**
 * Leaves signals to the supervisor. Ctrl-C reaches the whole process group, and systemd sends SIGTERM to each process of a service; if
 * a worker stopped by itself then, it would be replaced, or cut what the supervisor lets it finish.
 */
export function leaveSignalsToSupervisor(): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
}
