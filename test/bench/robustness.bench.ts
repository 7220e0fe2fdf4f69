/**
 * `pnpm bench:robustness`: what each policy makes of a sudden step, a sawtooth, a failing monitor, one slow instance and
 * a slower version; a Markdown table. Options: --policies slo,hpa(metric=rps,target=0.7),kpa   --seeds 3
 */
import { parseArgs } from 'node:util';
import {
  parsePolicies,
  playScene,
  policyOfSpec,
  scenes,
  type SceneOutcome,
} from '@mitosis/simulation/workload';
import { markdownHead, markdownRow } from './markdown.js';

const { values } = parseArgs({
  options: {
    policies: { type: 'string', default: 'slo,hpa(metric=rps,target=0.7),hpa(target=0.7),kpa(target=0.7)' },
    seeds: { type: 'string', default: '3' },
  },
});

const HEAD = [
  'scene',
  'policy',
  'late % before',
  'in the change',
  'after',
  'instances before',
  'taken away blind',
  'after: least–most (mean)',
  'rise',
  'turns / 15 min',
  'full use needs',
];

const mean = (outcomes: readonly SceneOutcome[], of: (one: SceneOutcome) => number): number =>
  outcomes.reduce((sum, one) => sum + of(one), 0) / outcomes.length;

console.log(markdownHead(HEAD));
for (const [index, { name }] of scenes().entries())
  for (const spec of parsePolicies(values.policies)) {
    const outcomes = Array.from({ length: Number(values.seeds) }, (_, seed) => {
      // Made anew for each: a scene with a frozen monitor remembers its last word.
      const scene = scenes()[index];
      if (scene === undefined) throw new RangeError('there is no such scene');
      return playScene(scene, (tier) => policyOfSpec(spec, tier, { kind: 'fixed' }), seed + 1);
    });
    const scene = scenes()[index];
    const cells = [
      name,
      spec.text,
      mean(outcomes, ({ lateBefore }) => lateBefore).toFixed(2),
      mean(outcomes, ({ lateChange }) => lateChange).toFixed(2),
      mean(outcomes, ({ lateAfter }) => lateAfter).toFixed(2),
      mean(outcomes, ({ countBefore }) => countBefore).toFixed(0),
      scene?.blind === true ? Math.max(...outcomes.map(({ takenAway }) => takenAway)) : '',
      `${Math.min(...outcomes.map(({ fewestAfter }) => fewestAfter))}–${Math.max(...outcomes.map(({ mostAfter }) => mostAfter))} (${mean(outcomes, ({ meanAfter }) => meanAfter).toFixed(1)})`,
      Math.max(...outcomes.map(({ riseAfter }) => riseAfter)),
      mean(outcomes, ({ turnsAfter }) => turnsAfter).toFixed(1),
      scene?.needed ?? '',
    ];
    console.log(markdownRow(cells));
  }
