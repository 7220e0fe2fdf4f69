/**
 * One line for each refused client and no more: the same reason from the same host is told once in a while, with how
 * often it came meanwhile. Bounded, whatever knocks.
 */

export interface RefusalLine {
  /** What was knocked at: `grpc`, `http`, `agent`. */
  readonly edge: string;
  readonly from: string;
  readonly reason: string;
  /** Refusals of this kind since the last line that were not told. */
  readonly untold: number;
}

export interface RefusalLogOptions {
  readonly tell: (line: RefusalLine) => void;
  /** Monotonic, ms. */
  readonly nowMs?: () => number;
  readonly quietMs?: number;
}

interface Seen {
  readonly atMs: number;
  untold: number;
}

const QUIET_MS = 10_000;
const KINDS_MAX = 1_000;

export class RefusalLog {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly options: RefusalLogOptions) {}

  /** For one edge: what a guarded listener calls. */
  at(edge: string): (remote: string, reason: string) => void {
    return (remote, reason) => this.refused(edge, remote, reason);
  }

  private refused(edge: string, from: string, reason: string): void {
    const nowMs = (this.options.nowMs ?? (() => performance.now()))();
    const kind = `${edge} ${from.replace(/:\d+$/u, '')} ${reason}`;
    const before = this.seen.get(kind);
    if (before !== undefined && nowMs - before.atMs < (this.options.quietMs ?? QUIET_MS)) {
      before.untold += 1;
      return;
    }
    if (this.seen.size >= KINDS_MAX) this.seen.clear();
    this.seen.set(kind, { atMs: nowMs, untold: 0 });
    this.options.tell({ edge, from, reason, untold: before?.untold ?? 0 });
  }
}
