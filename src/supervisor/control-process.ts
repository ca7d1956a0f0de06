import type { SocketAddress } from '../core/model.ts';
import type { Channel } from './channel.ts';
import { ChannelFleet } from './fleet.ts';
import type { FromControl, ToControl } from './messages.ts';

/** The control plane as its process steers it. */
export interface ControlPlane {
  readonly admin: SocketAddress;
  /** Every worker listens. */
  serve(): void;
  /** Sluice is stopping. */
  drain(): void;
  /** Finishes the calls that run, then closes the store. */
  close(): Promise<void>;
}

/** What a control process is given to open its plane with. */
export interface ControlStart {
  readonly setup: unknown;
  readonly fleet: ChannelFleet;
  /** Where the control process before this one listened. */
  readonly adminBefore: SocketAddress | undefined;
}

/**
 * The life of the control process: says hello, opens its plane on what the supervisor knows, and closes it when all workers are gone.
 * Resolves with the exit code when the process should end. An error that `open` rejects with has a message for the operator.
 */
export function liveAsControl(
  channel: Channel<ToControl, FromControl>,
  open: (start: ControlStart) => Promise<ControlPlane>,
): Promise<number> {
  return new Promise((resolve) => new ControlLife(channel, open, resolve).begin());
}

class ControlLife {
  readonly #channel: Channel<ToControl, FromControl>;
  readonly #open: (start: ControlStart) => Promise<ControlPlane>;
  readonly #end: (exitCode: number) => void;
  #fleet: ChannelFleet | undefined;
  #plane: ControlPlane | undefined;
  /** What was said while the plane was being opened. */
  #serving = false;
  #draining = false;
  #leaving = false;

  constructor(
    channel: Channel<ToControl, FromControl>,
    open: (start: ControlStart) => Promise<ControlPlane>,
    end: (exitCode: number) => void,
  ) {
    this.#channel = channel;
    this.#open = open;
    this.#end = end;
  }

  begin(): void {
    this.#channel.onMessage((message) => this.#hear(message));
    // Nobody would carry out what we decide, and the next supervisor will want our address and the store.
    this.#channel.onLost(() => this.#end(0));
    void this.#channel.send({ kind: 'hello' });
  }

  #hear(message: ToControl): void {
    switch (message.kind) {
      case 'welcome':
        void this.#start(message);
        break;
      case 'serving':
        this.#serving = true;
        this.#plane?.serve();
        break;
      case 'draining':
        this.#draining = true;
        this.#plane?.drain();
        break;
      case 'leave':
        this.#leaving = true;
        void this.#leave();
        break;
      default:
        this.#fleet?.hear(message);
    }
  }

  async #start(welcome: Extract<ToControl, { kind: 'welcome' }>): Promise<void> {
    this.#serving = welcome.serving;
    this.#fleet = new ChannelFleet((message) => void this.#channel.send(message), welcome);
    try {
      this.#plane = await this.#open({ setup: welcome.setup, fleet: this.#fleet, adminBefore: welcome.admin });
    } catch (error) {
      await this.#channel.send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
      this.#end(1);
      return;
    }
    if (this.#serving) this.#plane.serve();
    if (this.#draining) this.#plane.drain();
    if (this.#leaving) await this.#leave();
    else await this.#channel.send({ kind: 'ready', admin: this.#plane.admin });
  }

  async #leave(): Promise<void> {
    if (this.#plane === undefined) return;
    await this.#plane.close();
    this.#end(0);
  }
}
