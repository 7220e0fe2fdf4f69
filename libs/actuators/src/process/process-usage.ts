/** What a run uses, from the kernel's accounts; cheap enough for once a second. */
import type { Usage } from '../actuator.js';
import {
  memoryOf,
  readStat,
  TICKS_PER_SECOND,
  type ProcessIdentity,
  type ProcessStat,
} from './process-table.js';

/**
 * Reading a proportional size walks the page tables, a millisecond or two for a large process: only when the resident
 * size, which comes for free, has changed noticeably, and now and then for what others share.
 */
const MEMORY_EVERY_MS = 5_000;
const MEMORY_AT_LEAST_EVERY_MS = 60_000;
const NOTICEABLE = 0.03;

interface Seen {
  readonly startTicks: number;
  readonly cpuTicks: number;
  readonly memoryBytes: number;
  /** When and at which resident size the memory was read. */
  readonly memoryAtMs: number;
  readonly memoryRss: number;
}

export class UsageMeter {
  private seen = new Map<number, Seen>();
  private totalTicks = 0;

  /** `members` may name processes that are gone. */
  read(members: readonly ProcessIdentity[], nowMs: number): Usage {
    const now = new Map<number, Seen>();
    let used = 0;
    let memoryBytes = 0;
    for (const { pid, startTicks } of members) {
      const stat = readStat(pid);
      if (stat?.startTicks !== startTicks) continue;
      const known = this.seen.get(pid);
      const before = known?.startTicks === startTicks ? known : undefined;
      // A process not seen before is counted from now on; its past would look like a burst.
      if (before !== undefined) used += stat.cpuTicks - before.cpuTicks;
      const memory = before !== undefined && isFresh(before, stat, nowMs) ? before : readMemory(stat, nowMs);
      memoryBytes += memory.memoryBytes;
      now.set(pid, { ...memory, startTicks, cpuTicks: stat.cpuTicks });
    }
    this.totalTicks += Math.max(0, used);
    this.seen = now;
    return { cpuSeconds: this.totalTicks / TICKS_PER_SECOND, memoryBytes, processes: now.size };
  }
}

const readMemory = (
  stat: ProcessStat,
  nowMs: number,
): Pick<Seen, 'memoryBytes' | 'memoryAtMs' | 'memoryRss'> => ({
  memoryBytes: memoryOf(stat),
  memoryAtMs: nowMs,
  memoryRss: stat.rssPages,
});

const isFresh = (before: Seen, stat: ProcessStat, nowMs: number): boolean => {
  const ageMs = nowMs - before.memoryAtMs;
  const changed = Math.abs(stat.rssPages - before.memoryRss) > before.memoryRss * NOTICEABLE;
  return ageMs < MEMORY_EVERY_MS || (!changed && ageMs < MEMORY_AT_LEAST_EVERY_MS);
};
