/** A comparison of policies for the terminal. Pure. */
import type { Comparison, PolicyOutcome } from '@mitosis/simulation/workload';
import { table } from '../../output/table.js';

const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '-';

/** Without a price, cost is instance-hours, and those are there already. */
export const outcomeHead = ({ pricePerHour }: Comparison): readonly string[] => [
  'policy',
  'late %',
  'late time %',
  'inst-h',
  ...(pricePerHour > 0 ? ['cost'] : []),
  '× best',
  'θU %',
  'θO %',
  'τU %',
  'τO %',
  'υ %',
  'actions/h',
  'starts/h',
];

export const outcomeCells = (outcome: PolicyOutcome, { pricePerHour }: Comparison): readonly string[] => {
  const { elasticity } = outcome;
  return [
    outcome.policy,
    fixed(outcome.latePercent, 2),
    fixed(outcome.lateTimePercent, 2),
    fixed(outcome.instanceHours, 1),
    ...(pricePerHour > 0 ? [fixed(outcome.cost, 2)] : []),
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

const lengthOf = (seconds: number): string => {
  if (seconds >= 172_800) return `${fixed(seconds / 86_400, 1)} days`;
  if (seconds >= 7_200) return `${fixed(seconds / 3_600, 1)} h`;
  return seconds >= 120 ? `${fixed(seconds / 60, 0)} min` : `${fixed(seconds, 0)} s`;
};

export const clairvoyantCells = ({ clairvoyant, pricePerHour }: Comparison): readonly string[] => [
  '(clairvoyant)',
  fixed(clairvoyant.latePercent, 2),
  '',
  fixed(clairvoyant.instanceHours, 1),
  ...(pricePerHour > 0 ? [fixed(clairvoyant.instanceHours * pricePerHour, 2)] : []),
  '1.000',
];

const stepsOf = ({ longestS }: Comparison): string =>
  longestS > 1 ? `; up to ${longestS} s at once where nothing happens` : '';

export const summaryOf = (comparison: Comparison): string =>
  `${comparison.trace}: ${lengthOf(comparison.seconds)}, ${comparison.requests.toLocaleString('en')} requests, objective ${fixed(comparison.objectiveMs, 0)} ms; scaled: ${comparison.components.join(', ')}${stepsOf(comparison)}`;

export const renderComparison = (comparison: Comparison): string => {
  const head = outcomeHead(comparison);
  const best = clairvoyantCells(comparison);
  const rows = [
    ...comparison.policies.map((policy) => outcomeCells(policy, comparison)),
    [...best, ...head.slice(best.length).map(() => '')],
  ];
  return [
    summaryOf(comparison),
    '',
    table(head, rows),
    '',
    'late: answered after the objective or not at all; late time: seconds with more than 1 % late.',
    'inst-h: instance-hours paid. × best: over those of the clairvoyant, which knows the whole trace.',
    'θ, τ: how far and for how much of the time there were too few (U) and too many (O); υ: moved against the load (SPEC).',
  ].join('\n');
};
