/** What the `slo` policy says of its decisions, in a sentence. */
import type { LatencyBound, Objective } from '@mitosis/contracts';
import type { HeldCount } from '../decide/hold-down.js';
import { capacityOf } from '../decide/instance-model.js';
import type { Plan, PlanInput } from '../decide/slo-plan.js';

/** The strictest latency bound; null: none. */
export const strictest = (objective: Objective | null): LatencyBound | null =>
  objective?.latency.reduce<LatencyBound | null>(
    (best, bound) => (best === null || bound.ms < best.ms ? bound : best),
    null,
  ) ?? null;

const SCALES = [1, 10, 100, 1_000, 10_000] as const;

export const round = (value: number, digits: 0 | 1 | 2 | 3 | 4 = 1): number | null =>
  Number.isFinite(value) ? Math.round(value * SCALES[digits]) / SCALES[digits] : null;

const REASONS: Readonly<Record<Plan['because'], string>> = {
  latency: 'the least that holds the objective',
  utilisation: 'the least that keeps instances below 85 % of their capacity',
  backlog: 'the least that works the backlog off',
  throughput: 'the least that can serve the throughput objective',
  unreachable:
    'the least that keeps instances below 85 % of their capacity; more would not reach the objective',
};

const HELD: Readonly<Record<HeldCount['why'], string>> = {
  up: '',
  same: '',
  down: '',
  window: '; fewer would do now but not a moment ago',
  uncovered: '; fewer would do now, which has not been seen for long enough',
  'rate-limit': '; fewer would do, and one step at a time is taken',
};

export const describe = (
  plan: Plan,
  held: HeldCount,
  input: PlanInput,
  predictedMs: number | null,
): string => {
  const bound = strictest(input.objective);
  const figure =
    bound === null || predictedMs === null
      ? ''
      : ` (p${bound.percentile} ${round(predictedMs, 0)} ms of ${round(bound.ms, 0)} ms)`;
  const capacity = capacityOf(input.model, input.cpus);
  const each = capacity === 0 ? '' : ` at ${round(capacity)} per instance`;
  const step =
    held.why === 'down' && held.count > plan.count
      ? `; ${held.count} first, since mass changes are braked`
      : '';
  const load = `${round(input.rate)} requests/s expected${each}`;
  return `${load}: ${plan.count} is ${REASONS[plan.because]}${figure}${HELD[held.why]}${step}`;
};
