/**
 * The monitor's stream as every function of a level takes it: from the monitor in the own process where there is one, else
 * from the leader. Must never let an old snapshot pass for the present: a silent or broken stream is `null`.
 */
import type { FunctionName, monitor } from '@mitosis/contracts';
import { every, systemClock, type Clock } from '@mitosis/coordination';
import type { Peers } from './peers.js';

export interface MonitorFeedOptions {
  readonly peers: Peers;
  /** gRPC address of this process and what runs in it. */
  readonly address: string;
  readonly functions: readonly FunctionName[];
  readonly onSnapshot: (snapshot: monitor.LevelSnapshot) => void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** One message a second: two may be missed. */
export const SNAPSHOT_AGE_MAX_MS = 3_000;
/** A leader is looked for this often while the stream goes to another process. */
const RESOLVE_MS = 500;

export class MonitorFeed {
  private snapshot: { readonly value: monitor.LevelSnapshot; readonly atMs: number } | undefined;
  private stream: { readonly address: string; readonly abort: AbortController } | undefined;
  private endLooking: () => void = () => {};
  private readonly clock: Clock;

  constructor(private readonly options: MonitorFeedOptions) {
    this.clock = options.clock ?? systemClock;
  }

  start(): void {
    this.resolve();
    this.endLooking = every(this.clock, RESOLVE_MS, () => this.resolve());
  }

  stop(): void {
    this.endLooking();
    this.stream?.abort.abort();
    this.stream = undefined;
  }

  /** The newest snapshot, or null when there is none that is fresh. */
  latest(): monitor.LevelSnapshot | null {
    if (this.snapshot === undefined) return null;
    return this.clock.monotonicMs() - this.snapshot.atMs <= SNAPSHOT_AGE_MAX_MS ? this.snapshot.value : null;
  }

  /** Where the stream comes from now; empty: nowhere. */
  get source(): string {
    return this.stream?.address ?? '';
  }

  private resolve(): void {
    const { functions, address, peers } = this.options;
    const wanted = functions.includes('monitor') ? address : (peers.leader('monitor')?.address ?? '');
    if (wanted === this.source) return;
    this.stream?.abort.abort();
    this.stream = undefined;
    if (wanted === '') return;
    const abort = new AbortController();
    this.stream = { address: wanted, abort };
    peers.stream(
      'monitor',
      wanted,
      'watch',
      {},
      { onMessage: (value) => this.take(value, abort) },
      abort.signal,
    );
  }

  private take(value: monitor.LevelSnapshot, from: AbortController): void {
    if (from.signal.aborted) return;
    this.snapshot = { value, atMs: this.clock.monotonicMs() };
    this.options.onSnapshot(value);
  }
}
