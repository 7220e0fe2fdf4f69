/**
 * What the monitor knows: the newest messages of every router and agent, with the time they arrived here. Ages are
 * counted by this replica's clock alone, so that a host whose clock is off is neither fresh for ever nor never.
 */
import type { agent, router } from '@mitosis/contracts';

export interface RouterSample {
  /** Replica id of the router. */
  readonly router: string;
  readonly receivedAtMs: number;
  readonly metrics: router.RouterMetrics;
}

export interface AgentSample {
  /** gRPC address of the agent. */
  readonly agent: string;
  readonly receivedAtMs: number;
  readonly stats: agent.StatsSample;
}

/** Routers and agents send one message a second. */
export const PERIOD_MS = 1_000;
/** Two periods, and half of one for the jitter of a busy host. A source without a message this young is not known. */
export const FRESH_MS = 2_500;
/** Of the longest window, and what makes a sample of it still count. */
export const KEEP_MS = 60_000 + FRESH_MS;
/** Twice what a well-behaved source sends in that time: more than this is a fault of the source. */
const KEEP_SAMPLES = 130;

export const isFresh = (sample: { readonly receivedAtMs: number } | undefined, nowMs: number): boolean =>
  sample !== undefined && nowMs - sample.receivedAtMs <= FRESH_MS;

/** Adds a sample to those of one source (oldest first) and drops what no window can use any more. */
export const keepSample = <S extends { readonly receivedAtMs: number }>(
  samples: readonly S[],
  added: S,
): readonly S[] => {
  const oldest = added.receivedAtMs - KEEP_MS;
  const kept = samples.filter((sample) => sample.receivedAtMs >= oldest);
  return [...kept.slice(Math.max(0, kept.length - KEEP_SAMPLES + 1)), added];
};

/**
 * The samples of one source that make up the window of `seconds` before `nowMs`, newest first: as many as cover it, none
 * older than the window and the lateness a fresh sample may have.
 */
export const samplesWithin = (
  samples: readonly RouterSample[],
  seconds: number,
  nowMs: number,
): readonly RouterSample[] => {
  const oldest = nowMs - (seconds * 1_000 - PERIOD_MS) - FRESH_MS;
  const chosen: RouterSample[] = [];
  let coveredMs = 0;
  for (let i = samples.length - 1; i >= 0; i -= 1) {
    const sample = samples[i];
    // Half a period of slack: ten samples of 1,001 ms are ten, not nine.
    if (sample === undefined || sample.receivedAtMs < oldest || coveredMs > seconds * 1_000 - PERIOD_MS / 2)
      break;
    chosen.push(sample);
    coveredMs += sample.metrics.intervalMs;
  }
  return chosen;
};

/** Milliseconds a set of one source's samples covers. */
export const coveredMs = (samples: readonly RouterSample[]): number =>
  samples.reduce((sum, sample) => sum + sample.metrics.intervalMs, 0);
