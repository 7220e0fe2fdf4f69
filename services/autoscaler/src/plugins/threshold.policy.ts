/**
 * `threshold`: rules of metric, comparator, threshold, period, change and cooldown, as in Dynamite, the autoscaler this
 * project descends from. A rule fires when its condition held for the whole period and the last change of the component
 * is older than its cooldown. An unknown metric ends a period: nothing is concluded from silence.
 */
import type { ScalingPolicy, ThresholdRule } from '@mitosis/contracts';
import { metricPerInstance } from '../decide/metric.js';
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type PolicyStep, type Recommendation, type ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'threshold' }>;

type ThresholdState = {
  /** Per rule, since when its condition holds; 0: it does not. */
  readonly sinceMs: readonly number[];
};

interface Verdict {
  readonly rule: ThresholdRule;
  readonly value: number | null;
  readonly sinceMs: number;
}

const judge = (observation: ComponentObservation, rule: ThresholdRule, sinceMs: number): Verdict => {
  const value = metricPerInstance(observation, rule.metric);
  const met =
    value !== null && (rule.comparator === 'above' ? value > rule.threshold : value < rule.threshold);
  return { rule, value, sinceMs: met ? (sinceMs === 0 ? observation.nowMs : sinceMs) : 0 };
};

const ripe = (observation: ComponentObservation, verdict: Verdict): boolean =>
  verdict.sinceMs > 0 && observation.nowMs - verdict.sinceMs >= verdict.rule.periodMs;

const cooledDown = (observation: ComponentObservation, verdict: Verdict): boolean =>
  observation.nowMs - observation.countSinceMs >= verdict.rule.cooldownMs;

/** Of several rules that fire the one that leaves most instances wins: the safest. */
const winner = (fired: readonly Verdict[]): Verdict | undefined =>
  fired.reduce<Verdict | undefined>(
    (best, verdict) => (best === undefined || verdict.rule.change > best.rule.change ? verdict : best),
    undefined,
  );

const recommend = (observation: ComponentObservation, verdicts: readonly Verdict[]): Recommendation => {
  const held = verdicts.filter((verdict) => ripe(observation, verdict));
  const chosen = winner(held.filter((verdict) => cooledDown(observation, verdict)));
  if (chosen === undefined) {
    const unknown = verdicts.every(({ value }) => value === null);
    return hold(
      observation,
      unknown ? 'no fresh metrics' : held.length > 0 ? 'cooling down' : 'no rule fires',
    );
  }
  const { metric, comparator, threshold, periodMs, change } = chosen.rule;
  return {
    count: observation.count + change,
    reason: `${metric} has been ${comparator} ${threshold} for ${periodMs / 1_000} s (now ${chosen.value ?? 'unknown'}): ${change > 0 ? '+' : ''}${change}`,
    predicted: null,
    inputs: { metric, value: chosen.value, threshold, sinceMs: chosen.sinceMs },
  };
};

const step = (
  state: ThresholdState,
  observation: ComponentObservation,
  options: Options,
): PolicyStep<ThresholdState> => {
  const verdicts = options.rules.map((rule, i) => judge(observation, rule, state.sinceMs[i] ?? 0));
  return {
    state: { sinceMs: verdicts.map(({ sinceMs }) => sinceMs) },
    recommendation: recommend(observation, verdicts),
  };
};

export const threshold = {
  summary: 'adds or removes instances when a metric has been above or below a value for a period',
  initial: (): ThresholdState => ({ sinceMs: [] }),
  step,
} satisfies ScalingPolicyPlugin<Options, ThresholdState>;
