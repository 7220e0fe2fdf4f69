/**
 * The network between one client and the in-memory etcd: in order, with delay, black hole, and reset. What a black hole
 * swallowed arrives when it heals, as with TCP: also a request whose caller gave up long ago.
 */
import { MitosisError } from '@mitosis/contracts';
import type { Clock } from './clock.js';

interface Waiting {
  readonly deliver: () => void;
  readonly connection: number;
}

export class MemoryLink {
  #state: 'up' | 'black-hole' | 'down' = 'up';
  #connection = 0;
  #delayMs = 0;
  readonly #held: Waiting[] = [];
  readonly #onReset = new Set<(error: MitosisError) => void>();
  readonly #lastAtMs = { toServer: 0, toClient: 0 };

  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {}

  get isDown(): boolean {
    return this.#state === 'down';
  }

  /** One-way delay of every message from now on; order is kept. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Nothing arrives in either direction, and nobody is told. */
  blackHole(): void {
    this.#state = 'black-hole';
  }

  /** Every attempt is refused until `heal`; what is open breaks now. */
  cut(): void {
    this.#state = 'down';
    this.reset();
  }

  /** Calls and streams that are open fail; new ones work. What was under way is lost. */
  reset(): void {
    this.#connection++;
    this.#held.length = 0;
    const error = new MitosisError('unavailable', `connection to ${this.name} was reset`);
    for (const listener of Array.from(this.#onReset)) listener(error);
  }

  heal(): void {
    this.#state = 'up';
    for (const waiting of this.#held.splice(0)) this.#now(waiting);
  }

  onReset(listener: (error: MitosisError) => void): () => void {
    this.#onReset.add(listener);
    return () => {
      this.#onReset.delete(listener);
    };
  }

  carry(direction: 'toServer' | 'toClient', deliver: () => void): void {
    const waiting = { deliver, connection: this.#connection };
    const nowMs = this.clock.monotonicMs();
    const atMs = Math.max(nowMs + this.#delayMs, this.#lastAtMs[direction]);
    if (atMs <= nowMs) {
      // `queueMicrotask` would give each message an asynchronous context of its own, which costs more than the message.
      void this.#arriveSoon(waiting);
      return;
    }
    this.#lastAtMs[direction] = atMs;
    this.clock.setTimer(atMs - nowMs, () => {
      this.#arrive(waiting);
    });
  }

  async #arriveSoon(waiting: Waiting): Promise<void> {
    await Promise.resolve();
    this.#arrive(waiting);
  }

  #arrive(waiting: Waiting): void {
    if (this.#state === 'black-hole') this.#held.push(waiting);
    else this.#now(waiting);
  }

  #now(waiting: Waiting): void {
    if (waiting.connection === this.#connection && this.#state !== 'down') waiting.deliver();
  }
}
