/** A comparison of policies for the terminal. Pure. */
import type { Comparison, PolicyOutcome } from '@mitosis/simulation/workload';
import { table } from '../../output/table.js';

const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '-';

const HEAD = [
  'policy',
  'late %',
  'late time %',
  'inst-h',
  'cost',
  '× best',
  'θU %',
  'θO %',
  'τU %',
  'τO %',
  'υ %',
  'actions/h',
  'starts/h',
];

export const outcomeCells = (outcome: PolicyOutcome): readonly string[] => {
  const { elasticity } = outcome;
  return [
    outcome.policy,
    fixed(outcome.latePercent, 2),
    fixed(outcome.lateTimePercent, 2),
    fixed(outcome.instanceHours, 1),
    fixed(outcome.cost, 2),
    fixed(outcome.regret, 3),
    fixed(elasticity.underAccuracy, 1),
    fixed(elasticity.overAccuracy, 1),
    fixed(elasticity.underTime, 1),
    fixed(elasticity.overTime, 1),
    fixed(elasticity.instability, 1),
    fixed(outcome.actionsPerHour, 1),
    fixed(outcome.startsPerHour, 1),
  ];
};

export const OUTCOME_HEAD = HEAD;

const lengthOf = (seconds: number): string =>
  seconds >= 172_800 ? `${fixed(seconds / 86_400, 1)} days` : `${fixed(seconds / 3_600, 1)} h`;

export const clairvoyantCells = ({ clairvoyant }: Comparison): readonly string[] => [
  '(clairvoyant)',
  fixed(clairvoyant.latePercent, 2),
  '',
  fixed(clairvoyant.instanceHours, 1),
  '',
  '1.000',
];

export const summaryOf = (comparison: Comparison): string =>
  `${comparison.trace}: ${lengthOf(comparison.seconds)}, ${comparison.requests} requests, objective ${fixed(comparison.objectiveMs, 0)} ms, ${comparison.components.join(', ')}`;

export const renderComparison = (comparison: Comparison): string => {
  const rows = [
    ...comparison.policies.map(outcomeCells),
    [...clairvoyantCells(comparison), ...HEAD.slice(6).map(() => '')],
  ];
  return [
    summaryOf(comparison),
    '',
    table(HEAD, rows),
    '',
    'late: answered after the objective or not at all. × best: instance-time over that of the clairvoyant optimum. θ, τ, υ: SPEC elasticity metrics.',
  ].join('\n');
};
