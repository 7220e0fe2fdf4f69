/**
 * `pnpm bench:autoscale`: replays real load traces against the production decision code, a cell per line of JSON.
 *   --traces worldcup,nasa,azure,nab,alibaba,step,sawtooth   --policies slo,target,… (name, name@knob)
 *   --tiers 1,2,5   --startup 3,10,60,180 (s)   --seeds 5   --concurrency 1   --percentile 99
 *   --given '{"kind":"slo","holdMs":60000}'   a policy with options of its own, named by --as
 *   --data ../shared/traces   folder of the traces (default: MITOSIS_TRACES, then this)
 */
import { parseArgs } from 'node:util';
import type { ScalingPolicy } from '@mitosis/contracts';
import { hindsightOf, playCell, type Contest, type Setting } from './autoscale/cell.js';
import { CONTENDERS, isContender } from './autoscale/policies.js';
import { TRACES, type TraceName } from './autoscale/scenarios.js';

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: Object.keys(TRACES).join(',') },
    policies: { type: 'string', default: 'slo' },
    tiers: { type: 'string', default: '1' },
    startup: { type: 'string', default: '60' },
    seeds: { type: 'string', default: '1' },
    concurrency: { type: 'string', default: '1' },
    percentile: { type: 'string', default: '99' },
    given: { type: 'string' },
    as: { type: 'string', default: 'given' },
    data: { type: 'string', default: process.env.MITOSIS_TRACES ?? '../shared/traces' },
  },
});

const numbers = (text: string): readonly number[] => text.split(',').map(Number);

const isTrace = (name: string): name is TraceName =>
  Object.hasOwn(TRACES, name) || name === 'step' || name === 'sawtooth';

const contests = (): readonly Contest[] => {
  if (values.given !== undefined) {
    return [{ policy: values.as, knob: 0, given: JSON.parse(values.given) as ScalingPolicy }];
  }
  return values.policies.split(',').flatMap((text): readonly Contest[] => {
    const [policy = '', knob] = text.split('@');
    if (!isContender(policy)) {
      throw new Error(`no policy ${policy}; there are ${Object.keys(CONTENDERS).join(', ')}`);
    }
    if (knob !== undefined) return [{ policy, knob: Number(knob) }];
    return CONTENDERS[policy].knobs.map((value) => ({ policy, knob: value }));
  });
};

const seeds = Number(values.seeds);
for (const trace of values.traces.split(',')) {
  if (!isTrace(trace)) throw new Error(`no trace ${trace}`);
  for (const tiers of numbers(values.tiers)) {
    for (const startS of numbers(values.startup)) {
      for (let seed = 1; seed <= seeds; seed += 1) {
        const setting: Setting = {
          trace,
          tiers,
          startS,
          seed,
          seeds,
          concurrency: Number(values.concurrency),
          percentile: Number(values.percentile),
        };
        const hindsight = hindsightOf(values.data, setting);
        for (const contest of contests()) {
          const { given: _, ...named } = contest;
          console.log(
            JSON.stringify({ ...setting, ...named, ...playCell(values.data, setting, contest, hindsight) }),
          );
        }
      }
    }
  }
}
