/**
 * `combine`: several policies on the same observation; the one that wants most instances wins, for that is the safest. A
 * policy that does not know keeps the count, so the others scale in only once all of them know. The record that knows
 * every plug-in is handed in, so that this file need not import what imports it.
 */
import type { ScalingPolicy, SinglePolicy } from '@mitosis/contracts';
import type { PolicyState, Recommendation, ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'combine' }>;

type Part = { readonly kind: string; readonly policy: PolicyState };
export type CombineState = { readonly parts: readonly Part[] };

type PluginOf = (policy: SinglePolicy) => ScalingPolicyPlugin<ScalingPolicy>;

interface Voice {
  readonly kind: string;
  readonly recommendation: Recommendation;
}

/** Of equals the first: the order of the composition. */
const safest = (voices: readonly Voice[]): Voice | undefined =>
  voices.reduce<Voice | undefined>(
    (best, voice) =>
      best === undefined || voice.recommendation.count > best.recommendation.count ? voice : best,
    undefined,
  );

export const combineOf = (pluginOf: PluginOf): ScalingPolicyPlugin<Options, CombineState> => ({
  summary: 'several policies at once: the one that wants most instances wins',
  initial: () => ({ parts: [] }),
  step: (state, observation, { policies }, settings) => {
    const steps = policies.map((policy, i) => {
      const plugin = pluginOf(policy);
      const before = state.parts[i];
      const from = before?.kind === policy.kind ? before.policy : plugin.initial();
      return { kind: policy.kind, ...plugin.step(from, observation, policy, settings) };
    });
    const parts = steps.map(({ kind, state: policy }) => ({ kind, policy }));
    const winner = safest(steps);
    const asked = steps.map(({ kind, recommendation }) => `${kind} ${recommendation.count}`).join(', ');
    return {
      state: { parts },
      recommendation: {
        count: winner?.recommendation.count ?? observation.count,
        reason:
          winner === undefined
            ? 'there is no policy to ask'
            : `${winner.kind} wants most (${asked}): ${winner.recommendation.reason}`,
        predicted: winner?.recommendation.predicted ?? null,
        inputs: { ...winner?.recommendation.inputs, policies: asked, winner: winner?.kind ?? null },
      },
    };
  },
});
