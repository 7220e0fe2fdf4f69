/** From probe results to a verdict, as Compose says: failures of the start period do not count until a first success. */
import type { agent } from '@mitosis/contracts';

export type Health = 'unknown' | 'healthy' | 'unhealthy';

export interface ProbeState {
  readonly health: Health;
  /** In a row. */
  readonly failures: number;
  readonly succeededOnce: boolean;
}

export const INITIAL_PROBE_STATE: ProbeState = { health: 'unknown', failures: 0, succeededOnce: false };

export const takeProbeResult = (
  state: ProbeState,
  probe: Pick<agent.ProbeSpec, 'retries' | 'startPeriodMs'>,
  result: { readonly ok: boolean; readonly sinceStartMs: number },
): ProbeState => {
  if (result.ok) return { health: 'healthy', failures: 0, succeededOnce: true };
  if (!state.succeededOnce && result.sinceStartMs < probe.startPeriodMs) return state;
  const failures = state.failures + 1;
  return { ...state, failures, health: failures >= Math.max(1, probe.retries) ? 'unhealthy' : state.health };
};

/** How long to wait before the next probe. */
export const nextProbeMs = (
  state: ProbeState,
  probe: Pick<agent.ProbeSpec, 'intervalMs' | 'startIntervalMs'>,
): number => {
  const intervalMs = probe.intervalMs > 0 ? probe.intervalMs : 30_000;
  if (state.succeededOnce || state.health === 'unhealthy') return intervalMs;
  return Math.min(intervalMs, probe.startIntervalMs > 0 ? probe.startIntervalMs : 100);
};
