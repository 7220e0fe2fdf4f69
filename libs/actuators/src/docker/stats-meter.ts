/** What containers use, by the engine's stats: asked only while somebody reads, and never twice at a time for one. */
import type { Usage } from '../actuator.js';
import type { EngineClient } from './engine-client.js';
import type { StatsReading } from './engine-types.js';

const FRESH_MS = 800;
/** An older reading says nothing of now. */
const HOLDS_MS = 10_000;
const CALL_MS = 5_000;
const NANOS = 1e9;

interface Known {
  readonly usage: Usage | undefined;
  readonly atMs: number;
  readonly asking: boolean;
}

export class StatsMeter {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly client: EngineClient,
    private readonly nowMs: () => number,
  ) {}

  /** The last reading; undefined while there is none. Asks for the next one. */
  read(container: string): Usage | undefined {
    const now = this.nowMs();
    for (const [id, { atMs }] of this.known) if (now - atMs > HOLDS_MS) this.known.delete(id);
    const known = this.known.get(container);
    if (known === undefined || (!known.asking && now - known.atMs >= FRESH_MS))
      void this.ask(container, known?.usage);
    return known?.usage;
  }

  private async ask(container: string, before: Usage | undefined): Promise<void> {
    this.known.set(container, { usage: before, atMs: this.nowMs(), asking: true });
    try {
      const reading = await this.client.call<StatsReading>('GET', `/containers/${container}/stats`, {
        query: { stream: 'false', 'one-shot': 'true' },
        timeoutMs: CALL_MS,
      });
      this.known.set(container, { usage: usageOf(reading), atMs: this.nowMs(), asking: false });
    } catch {
      this.known.delete(container);
    }
  }
}

/** Memory without what the kernel would give back at once, as `docker stats` counts it. */
export const usageOf = ({ cpu_stats, memory_stats, pids_stats }: StatsReading): Usage => {
  const { usage = 0, stats = {} } = memory_stats;
  const cache = stats['inactive_file'] ?? stats['total_inactive_file'] ?? 0;
  return {
    cpuSeconds: cpu_stats.cpu_usage.total_usage / NANOS,
    memoryBytes: Math.max(0, usage - cache),
    processes: pids_stats.current ?? 0,
  };
};
