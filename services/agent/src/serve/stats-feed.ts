/** What each instance of a level uses, once a second for all readers together; nothing is measured while nobody reads. */
import type { Usage } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';
import type { Instance } from '../instances/instance.js';
import type { Level } from '../levels/level.js';

const EVERY_MS = 1_000;

interface Reading {
  readonly usage: Usage;
  readonly atMs: number;
}

export class StatsFeed {
  private readonly readers = new Map<string, Set<(sample: agent.StatsSample) => void>>();
  private readonly before = new Map<string, Reading>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly levelOf: (name: string) => Level | undefined,
    private readonly nowMs: () => number,
    private readonly cores: number,
  ) {}

  /** Returns what ends it. */
  read(level: string, onSample: (sample: agent.StatsSample) => void): () => void {
    const readers = this.readers.get(level) ?? new Set();
    this.readers.set(level, readers.add(onSample));
    this.timer ??= setInterval(() => this.sampleAll(), EVERY_MS).unref();
    return () => {
      readers.delete(onSample);
      if (readers.size === 0 && this.readers.get(level) === readers) this.readers.delete(level);
      if (this.readers.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
      this.before.clear();
    };
  }

  private sampleAll(): void {
    const seen = new Set<string>();
    for (const [name, readers] of this.readers) {
      const level = this.levelOf(name);
      const sample: agent.StatsSample = {
        atMs: this.nowMs(),
        instances:
          level === undefined
            ? []
            : [...level.instances.values()].flatMap((one) => this.sample(name, one, seen)),
      };
      for (const onSample of readers) onSample(sample);
    }
    for (const key of this.before.keys()) if (!seen.has(key)) this.before.delete(key);
  }

  /** None for what does not run, or was not seen a second ago: unknown is not zero. */
  private sample(level: string, instance: Instance, seen: Set<string>): agent.InstanceStats[] {
    const run = instance.currentRun;
    const usage = run === undefined ? undefined : instance.usage(run);
    if (run === undefined || usage === undefined) return [];
    const key = `${level} ${instance.id} ${run.ref.run}`;
    seen.add(key);
    const atMs = this.nowMs();
    const before = this.before.get(key);
    this.before.set(key, { usage, atMs });
    if (before === undefined || atMs <= before.atMs) return [];
    const cores = (usage.cpuSeconds - before.usage.cpuSeconds) / ((atMs - before.atMs) / 1_000);
    return [
      {
        id: instance.id,
        cpuCores: Math.min(this.cores, Math.max(0, cores)),
        memoryBytes: usage.memoryBytes,
        processes: usage.processes,
      },
    ];
  }
}
