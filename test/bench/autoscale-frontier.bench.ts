/**
 * `pnpm bench:autoscale-frontier FILE…`: reads finished cells of `bench:autoscale` and prints a line of JSON per scene (trace, tiers,
 * start-up time) and lateness, with what each policy costs there at its best knob, and one per fixed setting over all scenes.
 * `--table 99`: instead the tables of docs/autoscaling.md for `slo` with that percentile against its peers, one for each number of tiers,
 * and below each the most punctual fixed settings of peers. `--elasticity 99`: how far and how
 * long supply was from demand, for one tier. `--chart FILE`: a picture of one tier.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  bestAt,
  fixedAgainst,
  fixedSettings,
  groupBy,
  pointsOf,
  verdictOf,
  type Verdict,
  type Cell,
  type Point,
} from './autoscale/frontier.js';
import { frontierChart, type Panel } from './autoscale/frontier-chart.js';
import { markdownHead, markdownRow } from './markdown.js';

const { values, positionals: files } = parseArgs({
  options: { table: { type: 'string' }, elasticity: { type: 'string' }, chart: { type: 'string' } },
  allowPositionals: true,
});
if (files.length === 0) throw new Error('name at least one file written by bench:autoscale --results');
const cells = files
  .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  .filter((line) => line.startsWith('{') && line.endsWith('}'))
  .map((line) => JSON.parse(line) as Cell);
const round = (value: number): number => Math.round(value * 1_000) / 1_000;

const printLines = (): void => {
  const points = pointsOf(cells);
  for (const lateMax of [1, 5]) {
    const scenes = groupBy(bestAt(points, lateMax), ({ scene }) => scene);
    for (const [scene, found] of [...scenes].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const costs = found.map(({ policy, point }) => [
        policy,
        point && { cost: round(point.cost), late: round(point.late), knob: point.knob, seeds: point.seeds },
      ]);
      console.log(JSON.stringify({ scene, lateMax, ...Object.fromEntries(costs) }));
    }
  }
  for (const setting of fixedSettings(points)) console.log(JSON.stringify({ fixed: true, ...setting }));
};

/** On steps, which nothing foretells, a cost within five per cent counts as no more. */
const STEP_SLACK = 1.05;

const textOf = ({ late, cost }: Point): string => `${late.toFixed(2)} @ ${cost.toFixed(2)}`;

const isOwn = (percentile: number) => (cell: Cell) => cell.policy === 'slo' && cell.percentile === percentile;

interface Scene {
  readonly trace: string;
  readonly tiers: number;
  readonly startS: number;
  /** null: `slo` was not played. */
  readonly verdict: Verdict | null;
}

const scenesOf = (among: readonly Cell[], percentile: number): readonly Scene[] => {
  const groups = groupBy(among, ({ trace, startS }) => `${trace} ${String(startS).padStart(4)}`);
  const sorted = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.flatMap(([, group]): readonly Scene[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { trace, tiers, startS } = first;
    const own = pointsOf(group.filter(isOwn(percentile))).at(0);
    const peers = pointsOf(group.filter(({ policy }) => policy !== 'slo'));
    const slack = trace === 'step' ? STEP_SLACK : 1;
    const verdict = own === undefined ? null : verdictOf(own, peers, 100 - percentile, slack);
    return [{ trace, tiers, startS, verdict }];
  });
};

const rowOf = ({ trace, tiers, startS, verdict }: Scene): string => {
  if (verdict === null) return markdownRow([trace, tiers, startS, 0, 'not played', '', '', '']);
  const { own, best, same, sign } = verdict;
  const bestText = best === null ? '–' : `${textOf(best)} ${best.policy} at ${best.knob}`;
  return markdownRow([trace, tiers, startS, own.seeds, textOf(own), bestText, same?.toFixed(2) ?? '–', sign]);
};

/** Settings that are named below a table. */
const FIXED_NAMED = 3;

const printFixed = (ofTiers: readonly Cell[], percentile: number): void => {
  const own = pointsOf(ofTiers.filter(isOwn(percentile)));
  const peers = pointsOf(ofTiers.filter(({ policy }) => policy !== 'slo'));
  for (const setting of fixedAgainst(own, peers, 100 - percentile).slice(0, FIXED_NAMED))
    console.log(JSON.stringify({ ...setting, costRatio: round(setting.costRatio) }));
  console.log('');
};

const printTables = (percentile: number): void => {
  const byTiers = groupBy(cells, ({ tiers }) => String(tiers));
  for (const [, ofTiers] of [...byTiers].toSorted(([a], [b]) => Number(a) - Number(b))) {
    const head = [
      'trace',
      'tiers',
      'start s',
      'seeds',
      '`slo`',
      `best at ≤ ${100 - percentile} %`,
      'same',
      '',
    ];
    console.log(markdownHead(head));
    for (const scene of scenesOf(ofTiers, percentile)) console.log(rowOf(scene));
    console.log('');
    printFixed(ofTiers, percentile);
  }
};

const elasticityText = ({ elasticity }: Point): string => {
  const { under, over, underTime, overTime, instability } = elasticity;
  const figures = [
    under.toFixed(1),
    over.toFixed(0),
    underTime.toFixed(1),
    overTime.toFixed(0),
    instability.toFixed(0),
  ];
  return figures.join(' · ');
};

const printElasticity = (percentile: number): void => {
  const ofOne = cells.filter(({ tiers }) => tiers === 1);
  console.log(markdownHead(['trace', 'start s', '`slo`', `best at ≤ ${100 - percentile} %`]));
  for (const { trace, startS, verdict } of scenesOf(ofOne, percentile)) {
    if (verdict === null) continue;
    const { own, best } = verdict;
    const bestText = best === null ? '–' : `${elasticityText(best)} (${best.policy})`;
    console.log(markdownRow([trace, startS, elasticityText(own), bestText]));
  }
};

const panelOf = (group: readonly Cell[]): Panel => {
  const [{ trace, startS } = { trace: '', startS: 0 }] = group;
  const percentiles = [...new Set(group.map(({ percentile }) => percentile))].toSorted((a, b) => b - a);
  return {
    trace,
    startS,
    peers: pointsOf(group.filter(({ policy }) => policy !== 'slo')),
    own: percentiles.flatMap((percentile) =>
      pointsOf(group.filter(isOwn(percentile))).map((point) => [percentile, point] as const),
    ),
  };
};

const writeChart = (file: string): void => {
  const ofOne = cells.filter(({ tiers }) => tiers === 1);
  const scenes = groupBy(ofOne, ({ trace, startS }) => `${trace} ${startS}`);
  writeFileSync(file, frontierChart([...scenes.values()].map(panelOf)));
};

if (values.chart !== undefined) writeChart(values.chart);
else if (values.table !== undefined) printTables(Number(values.table));
else if (values.elasticity !== undefined) printElasticity(Number(values.elasticity));
else printLines();
