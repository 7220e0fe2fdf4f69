/**
 * Asks each child level's health leader how the child is, about once a second while this replica leads. The parent dials
 * the child; what a child does not answer stays what it was, with the time it was heard.
 */
import type { ChildRecord, health } from '@mitosis/contracts';
import { pause, type Clock } from '@mitosis/coordination';
import { ChildLeaders, type Peers } from '@mitosis/service-kit';
import type { ChildObservation } from '../decide/input.js';

const PERIOD_MS = 1_000;
/** Until it is ready for the first time somebody waits for it. */
const EAGER_PERIOD_MS = 150;
const DEADLINE_MS = 1_000;

export interface ChildWatcherOptions {
  readonly peers: Peers;
  readonly children: () => readonly ChildRecord[];
  readonly nowMs: () => number;
  readonly clock: Clock;
  readonly onChange: () => void;
}

export class ChildWatcher {
  private readonly heard = new Map<string, ChildObservation>();
  private readonly leaders: ChildLeaders;
  version = 0;

  constructor(private readonly options: ChildWatcherOptions) {
    this.leaders = new ChildLeaders(options.peers, 'health');
  }

  observations(): ReadonlyMap<string, ChildObservation> {
    return this.heard;
  }

  /** Until the signal aborts, which is when leadership ends. */
  start(signal: AbortSignal): void {
    this.heard.clear();
    void this.run(signal);
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const children = this.options.children();
      for (const name of this.heard.keys()) {
        if (!children.some(({ component }) => component === name)) this.heard.delete(name);
      }
      await Promise.all(children.map((child) => this.ask(child, signal)));
      const settled = children.every((child) => this.heard.get(child.component)?.ready === true);
      await pause(this.options.clock, settled ? PERIOD_MS : EAGER_PERIOD_MS, signal);
    }
  }

  private async ask(child: ChildRecord, signal: AbortSignal): Promise<void> {
    const options = { deadlineMs: DEADLINE_MS, signal };
    try {
      const composite = await this.leaders.call(child, signal, (address) =>
        this.options.peers.call('health', address, 'composite', {}, options),
      );
      if (composite.level === child.level) this.hear(child.component, composite);
    } catch {
      // Silent: what it said last stays, with its age.
    }
  }

  private hear(component: string, composite: health.CompositeHealth): void {
    const { state, reason, ready } = composite;
    const next: ChildObservation = {
      state,
      reason,
      ready,
      disposed: state === 'disposed',
      atMs: this.options.nowMs(),
    };
    const before = this.heard.get(component);
    this.heard.set(component, next);
    const same =
      before !== undefined && before.state === state && before.ready === ready && before.reason === reason;
    if (same) return;
    this.version += 1;
    this.options.onChange();
  }
}
