/**
 * `pnpm bench:autoscale-frontier FILE…`: reads finished cells of `bench:autoscale` and prints a line of JSON per scene (trace, tiers,
 * start-up time) and lateness, with what each policy costs there at its best knob, and one per fixed setting over all scenes.
 * `--table 99`: instead the tables of docs/autoscaling.md for `slo` with that percentile against its peers, one for each number of tiers,
 * and below each the most punctual fixed settings of peers. `--elasticity 99`: how far and how long supply was from demand, for one tier. `--chart FILE`: a picture of one tier.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  bestAt,
  fixedAgainst,
  fixedSettings,
  groupBy,
  pointsOf,
  sceneOf,
  verdictOf,
  type Cell,
  type Group,
  type Point,
  type Verdict,
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
const ofOneTier = cells.filter(({ tiers }) => tiers === 1);
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

const peersIn = (among: readonly Cell[]): readonly Point[] =>
  pointsOf(among.filter(({ policy }) => policy !== 'slo'));

/** By trace and start-up time. */
const scenesOf = (among: readonly Cell[], percentile: number): readonly Scene[] =>
  [...groupBy(among, sceneOf).values()]
    .map((group): Scene => {
      const [{ trace, tiers, startS }] = group;
      const own = pointsOf(group.filter(isOwn(percentile))).at(0);
      const slack = trace === 'step' ? STEP_SLACK : 1;
      const verdict = own === undefined ? null : verdictOf(own, peersIn(group), 100 - percentile, slack);
      return { trace, tiers, startS, verdict };
    })
    .toSorted((a, b) => a.trace.localeCompare(b.trace) || a.startS - b.startS);

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
  for (const setting of fixedAgainst(own, peersIn(ofTiers), 100 - percentile).slice(0, FIXED_NAMED))
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
  console.log(markdownHead(['trace', 'start s', '`slo`', `best at ≤ ${100 - percentile} %`]));
  for (const { trace, startS, verdict } of scenesOf(ofOneTier, percentile)) {
    if (verdict === null) continue;
    const { own, best } = verdict;
    const bestText = best === null ? '–' : `${elasticityText(best)} (${best.policy})`;
    console.log(markdownRow([trace, startS, elasticityText(own), bestText]));
  }
};

const panelOf = (group: Group<Cell>): Panel => {
  const [{ trace, startS }] = group;
  const percentiles = [...new Set(group.map(({ percentile }) => percentile))].toSorted((a, b) => b - a);
  return {
    trace,
    startS,
    peers: peersIn(group),
    own: percentiles.flatMap((percentile) =>
      pointsOf(group.filter(isOwn(percentile))).map((point) => [percentile, point] as const),
    ),
  };
};

const writeChart = (file: string): void => {
  writeFileSync(file, frontierChart([...groupBy(ofOneTier, sceneOf).values()].map(panelOf)));
};

if (values.chart !== undefined) writeChart(values.chart);
else if (values.table !== undefined) printTables(Number(values.table));
else if (values.elasticity !== undefined) printElasticity(Number(values.elasticity));
else printLines();
