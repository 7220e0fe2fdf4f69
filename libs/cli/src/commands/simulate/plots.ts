/** Load, instances, latency and lateness of each policy over the same time, as one picture. Pure: comparison in, SVG out. */
import type { Comparison } from '@mitosis/simulation/workload';
import { scaleLinear, scaleSymlog } from 'd3-scale';
import { area, curveStepAfter, line as path } from 'd3-shape';
import { element, escapeXml, label, line, PALETTE_CSS } from '../../tour/report/svg.js';

const WIDTH = 1_120;
const LEFT = 70;
const RIGHT = 34;
const GAP = 46;
const TOP = 30;

/** One for each policy, told apart in light and dark and by those who see few colours; the rest take turns. */
export const COLOURS = ['#2563c9', '#c2570c', '#0e8a6d', '#9333ea', '#b58900', '#c8281e'] as const;

export const colourOf = (at: number): string => COLOURS[at % COLOURS.length] ?? COLOURS[0];

interface Curve {
  readonly values: readonly number[];
  readonly colour: string;
  readonly name: string;
  readonly dashed?: boolean;
}

interface Panel {
  readonly title: string;
  readonly height: number;
  readonly curves: readonly Curve[];
  readonly filled?: boolean;
  readonly limit?: { readonly value: number; readonly text: string };
  /** Compresses large values, and keeps zero. */
  readonly compressed?: boolean;
}

const STYLE = `${PALETTE_CSS}
text{font:11px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--muted)}
.title{font-weight:600;fill:var(--ink);font-size:12px}.grid{stroke:var(--grid);stroke-width:1}
.limit{stroke:var(--bad);stroke-dasharray:5 4;stroke-width:1.2}.limit-text{fill:var(--bad)}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round}.best{stroke:var(--muted);stroke-dasharray:4 3;stroke-width:1.3}
`;

/** A policy that runs away would press all others flat. */
const RUNS_AWAY = 4;

const panelsOf = (comparison: Comparison): readonly Panel[] => {
  const curves = (of: (one: Comparison['policies'][number]) => readonly number[]): readonly Curve[] =>
    comparison.policies.map((policy, i) => ({
      values: of(policy),
      colour: colourOf(i),
      name: policy.policy,
    }));
  const bound = comparison.objectiveMs;
  const { instances: best } = comparison.clairvoyant;
  const most = Math.max(...comparison.policies.map(({ instances }) => Math.max(...instances)));
  const compressed = most > RUNS_AWAY * Math.max(...best);
  return [
    {
      title: 'load, requests per second',
      height: 110,
      filled: true,
      curves: [{ values: comparison.series.rate, colour: 'var(--third)', name: 'load' }],
    },
    {
      title: `instances ready, all components (dashed: the clairvoyant${compressed ? '; logarithmic' : ''})`,
      height: 220,
      compressed,
      curves: [
        { values: best, colour: '', name: 'clairvoyant', dashed: true },
        ...curves(({ instances }) => instances),
      ],
    },
    {
      title: '95th percentile of the response time, ms',
      height: 180,
      compressed: true,
      limit: { value: bound, text: `objective ${Math.round(bound)} ms` },
      curves: curves(({ p95Ms }) => p95Ms),
    },
    {
      title: 'late requests, %',
      height: 120,
      compressed: true,
      curves: curves(({ latePercentOverTime }) => latePercentOverTime),
    },
  ];
};

/** Seconds of the unit in which a span of time is told. */
const unitOf = (span: number): { readonly seconds: number; readonly name: string } => {
  if (span > 172_800) return { seconds: 86_400, name: 'day' };
  return span > 7_200 ? { seconds: 3_600, name: 'h' } : { seconds: 60, name: 'min' };
};

const numberLabel = (value: number): string =>
  value >= 1_000 ? `${Number((value / 1_000).toFixed(1))}k` : String(Number(value.toFixed(2)));

const drawPanel = (
  panel: Panel,
  top: number,
  at: readonly number[],
  x: (seconds: number) => number,
): readonly string[] => {
  const bottom = top + panel.height;
  const highest = Math.max(1e-9, panel.limit?.value ?? 0, ...panel.curves.flatMap(({ values }) => values));
  const domain = [0, highest * 1.05];
  const y = panel.compressed
    ? scaleSymlog(domain, [bottom, top]).constant(panel.limit?.value ?? 1)
    : scaleLinear(domain, [bottom, top]);
  const ticks = panel.compressed
    ? [
        0,
        ...[1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000].filter(
          (tick) => tick <= highest && y(tick) < bottom - 12,
        ),
      ]
    : y.ticks(4);
  const shape = path<number>(
    (_, i) => x(at[i] ?? 0),
    (value) => y(value),
  ).curve(curveStepAfter);
  const filled = area<number>(
    (_, i) => x(at[i] ?? 0),
    bottom,
    (value) => y(value),
  );
  return [
    label(LEFT, top - 9, panel.title, { class: 'title' }),
    ...ticks.flatMap((tick) => [
      line(LEFT, y(tick), WIDTH - RIGHT, y(tick), { class: 'grid' }),
      label(LEFT - 8, y(tick) + 4, numberLabel(tick), { 'text-anchor': 'end' }),
    ]),
    ...panel.curves.map(({ values, colour, dashed }) =>
      panel.filled === true
        ? element('path', { d: filled([...values]) ?? '', fill: colour, opacity: 0.45 })
        : element('path', {
            d: shape([...values]) ?? '',
            class: dashed === true ? 'line best' : 'line',
            ...(dashed === true ? {} : { stroke: colour }),
          }),
    ),
    ...(panel.limit === undefined
      ? []
      : [
          line(LEFT, y(panel.limit.value), WIDTH - RIGHT, y(panel.limit.value), { class: 'limit' }),
          label(WIDTH - RIGHT, y(panel.limit.value) - 5, panel.limit.text, {
            'text-anchor': 'end',
            class: 'limit-text',
          }),
        ]),
  ];
};

export const renderPlots = (comparison: Comparison): string => {
  const at = comparison.series.atS;
  const x = scaleLinear([0, comparison.seconds], [LEFT, WIDTH - RIGHT]);
  let top = TOP;
  const drawn = panelsOf(comparison).flatMap((panel) => {
    const inner = drawPanel(panel, top, at, (seconds) => x(seconds));
    top += panel.height + GAP;
    return inner;
  });
  const bottom = top - GAP;
  const unit = unitOf(comparison.seconds);
  const axis = scaleLinear([0, comparison.seconds / unit.seconds], [0, 1])
    .ticks(10)
    .map((tick) => ({ at: x(tick * unit.seconds), text: `${tick} ${unit.name}` }))
    .flatMap((tick) => [
      line(tick.at, TOP, tick.at, bottom, { class: 'grid', opacity: 0.6 }),
      label(tick.at, bottom + 18, tick.text, { 'text-anchor': 'middle' }),
    ]);
  const height = bottom + 32;
  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img' },
    [
      element('title', {}, [
        escapeXml(`Load, instances and latency of ${comparison.policies.length} policies`),
      ]),
      element('style', {}, [STYLE]),
      element('rect', { width: WIDTH, height, fill: 'var(--bg)' }),
      ...axis,
      ...drawn,
    ],
  );
};
