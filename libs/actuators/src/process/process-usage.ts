/** What a run uses, from the kernel's accounts. Cheap enough for once a second: sizes are read only every five. */
import type { Usage } from '../actuator.js';
import { memoryOf, readStat, TICKS_PER_SECOND, type ProcessIdentity } from './process-table.js';

/** Reading a proportional size walks the page tables: about a millisecond for a large process. */
const MEMORY_EVERY_MS = 5_000;

export class UsageMeter {
  private ticks = new Map<number, { readonly startTicks: number; readonly cpuTicks: number }>();
  private totalTicks = 0;
  private memoryBytes = 0;
  private memoryAtMs = -Infinity;
  private firstAtMs: number | undefined;

  /** `members` may name processes that are gone. */
  read(members: readonly ProcessIdentity[], nowMs: number): Usage {
    const stats = members.flatMap((member) => {
      const stat = readStat(member.pid);
      return stat?.startTicks === member.startTicks ? [stat] : [];
    });
    const now = new Map(stats.map((stat) => [stat.pid, stat]));
    let used = 0;
    for (const [pid, { startTicks, cpuTicks }] of now) {
      const before = this.ticks.get(pid);
      // A process not seen before is counted from now on; its past would look like a burst.
      if (before?.startTicks === startTicks) used += cpuTicks - before.cpuTicks;
    }
    this.totalTicks += Math.max(0, used);
    this.ticks = now;
    this.firstAtMs ??= nowMs;
    // A young process grows.
    if (nowMs - this.memoryAtMs >= Math.min(MEMORY_EVERY_MS, nowMs - this.firstAtMs)) {
      this.memoryAtMs = nowMs;
      this.memoryBytes = stats.reduce((sum, stat) => sum + memoryOf(stat), 0);
    }
    return {
      cpuSeconds: this.totalTicks / TICKS_PER_SECOND,
      memoryBytes: this.memoryBytes,
      processes: stats.length,
    };
  }
}
