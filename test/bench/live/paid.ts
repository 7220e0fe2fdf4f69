/** Instance-seconds paid in a live level: from the decision to start an instance until the decision to stop it. */
import type { InstanceGraphView, InstancePhase } from '@mitosis/contracts';

/** Out of the endpoints by a decision that was made; what was there until then is paid. */
const GIVEN_BACK: ReadonlySet<InstancePhase> = new Set(['draining', 'stopping', 'completed', 'failed']);

interface Paid {
  readonly fromMs: number;
  /** null: still there. */
  untilMs: number | null;
}

const within = (from: number, until: number, paid: Paid): number =>
  Math.max(0, Math.min(until, paid.untilMs ?? until) - Math.max(from, paid.fromMs));

export class PaidInstances {
  private readonly instances = new Map<string, Paid>();
  private readonly startedMs: number[] = [];
  private readonly readyAtStart = new Set<string>();

  constructor(private readonly component: string) {}

  /** Takes in what the level says of its instances; its records carry their times, so that looking seldom loses little. */
  see({ instances }: InstanceGraphView, nowMs: number): void {
    const seen = new Set<string>();
    for (const { id, component, phase, createdAtMs, sinceMs } of instances) {
      if (component !== this.component) continue;
      seen.add(id);
      const known = this.instances.get(id) ?? { fromMs: createdAtMs, untilMs: null };
      this.instances.set(id, known);
      if (GIVEN_BACK.has(phase)) known.untilMs ??= sinceMs;
      if (phase === 'ready' && !this.readyAtStart.has(id)) {
        this.readyAtStart.add(id);
        this.startedMs.push(sinceMs - createdAtMs);
      }
    }
    for (const [id, known] of this.instances) if (!seen.has(id)) known.untilMs ??= nowMs;
  }

  /** Between two wall-clock times. */
  instanceSeconds(fromMs: number, untilMs: number): number {
    let sum = 0;
    for (const paid of this.instances.values()) sum += within(fromMs, untilMs, paid);
    return sum / 1_000;
  }

  count(atMs: number): number {
    return [...this.instances.values()].filter(
      ({ fromMs, untilMs }) => fromMs <= atMs && (untilMs === null || untilMs > atMs),
    ).length;
  }

  /** Starts since a wall-clock time. */
  starts(sinceMs: number): number {
    return [...this.instances.values()].filter(({ fromMs }) => fromMs >= sinceMs).length;
  }

  /** Median time from an instance's record to its being ready; null: none was seen. */
  startMs(): number | null {
    const sorted = this.startedMs.toSorted((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
  }
}
