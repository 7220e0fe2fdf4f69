/** The tour as one picture: load, latency, instances, binding and leader over the same time. Pure: report in, SVG out. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { area, curveMonotoneX, curveStepAfter, line as path } from 'd3-shape';
import { recoverySeconds } from './judge.js';
import type { InstancePoint, SecondPoint, TourReport } from './report.js';
import { element, label, line, PALETTE_CSS } from './svg.js';

const WIDTH = 1_120;
const LEFT = 70;
const RIGHT = 130;
const TOP = 64;
/** Where the phases' bands begin: below their titles, which take turns on two rows. */
const BANDS_TOP = 34;
const GAP = 34;

interface Panel {
  readonly title: string;
  readonly height: number;
  readonly draw: (frame: Frame) => readonly string[];
}

/** Where a panel lies, and the time axis all share. */
interface Frame {
  readonly top: number;
  readonly bottom: number;
  readonly x: (atMs: number) => number;
  readonly right: number;
}

type Scale = (value: number) => number;

const STYLE = `${PALETTE_CSS}
text{font:11px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--muted)}
.title{font-weight:600;fill:var(--ink);font-size:12px}.phase{fill:var(--ink)}
.grid{stroke:var(--grid);stroke-width:1}.limit{stroke:var(--warn);stroke-dasharray:5 4;stroke-width:1.2}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.thin{stroke-width:1.1;opacity:.65}
.fault{stroke:var(--bad);stroke-width:1.2}.mended{stroke:var(--good);stroke-width:1.2;stroke-dasharray:3 3}
`;

export const renderTimeline = (report: TourReport): string => {
  const fromMs = report.seconds[0]?.atMs ?? report.startedAtMs;
  const lastMs = report.phases.at(-1)?.toMs ?? report.endedAtMs;
  const toMs = Math.max(lastMs, fromMs + 1_000);
  const right = WIDTH - RIGHT;
  const time = scaleLinear([fromMs, toMs], [LEFT, right]);
  const panels = panelsOf(report);
  let top = TOP;
  const frames = panels.map((panel) => {
    const frame: Frame = { top, bottom: top + panel.height, x: (atMs) => time(atMs), right };
    top = frame.bottom + GAP;
    return { panel, frame };
  });
  const bottom = top - GAP;
  const height = bottom + 30;
  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img' },
    [
      element('title', {}, ['Load, latency and instances of the shop during the guided tour']),
      element('style', {}, [STYLE]),
      element('rect', { width: WIDTH, height, fill: 'var(--bg)' }),
      ...phaseBands(report, time, bottom),
      ...frames.flatMap(({ panel, frame }) => [
        label(LEFT, frame.top - 8, panel.title, { class: 'title' }),
        ...panel.draw(frame),
      ]),
      ...faultLines(report, time, bottom),
      ...timeAxis(fromMs, toMs, time, bottom),
    ],
  );
};

const phaseBands = (report: TourReport, time: Scale, bottom: number): readonly string[] =>
  report.phases.flatMap((phase, at) => {
    const x = time(phase.fromMs);
    const width = time(phase.toMs) - x;
    const band = element('rect', {
      x,
      y: BANDS_TOP,
      width,
      height: bottom - BANDS_TOP,
      fill: at % 2 === 0 ? 'var(--band)' : 'none',
    });
    return [
      band,
      label(x + width / 2, at % 2 === 0 ? 13 : 27, phase.title, { class: 'phase', 'text-anchor': 'middle' }),
    ];
  });

const faultLines = (report: TourReport, time: Scale, bottom: number): readonly string[] =>
  report.faults.flatMap((fault) => {
    const seconds = recoverySeconds(fault);
    const x = time(fault.atMs);
    const mended =
      fault.recoveredAtMs === null
        ? []
        : [
            line(time(fault.recoveredAtMs), BANDS_TOP, time(fault.recoveredAtMs), bottom, {
              class: 'mended',
            }),
          ];
    const text = seconds === null ? 'not recovered' : `+${seconds.toFixed(1)} s`;
    return [
      line(x, BANDS_TOP, x, bottom, { class: 'fault' }),
      ...mended,
      label(x + 4, BANDS_TOP + 12, text, { style: 'fill:var(--good)' }),
    ];
  });

const SECONDS_PER_TICK = 15;

const timeAxis = (fromMs: number, toMs: number, time: Scale, bottom: number): readonly string[] => {
  const count = Math.floor((toMs - fromMs) / 1_000 / SECONDS_PER_TICK);
  return Array.from({ length: count + 1 }, (_, at) => {
    const seconds = at * SECONDS_PER_TICK;
    return label(time(fromMs + seconds * 1_000), bottom + 18, `${seconds} s`, { 'text-anchor': 'middle' });
  });
};

const panelsOf = (report: TourReport): readonly Panel[] => [
  { title: 'requests per second', height: 130, draw: (frame) => drawLoad(report, frame) },
  {
    title: 'latency, from the moment a request was due (logarithmic)',
    height: 150,
    draw: (frame) => drawLatency(report, frame),
  },
  { title: 'ready instances', height: 130, draw: (frame) => drawInstances(report, frame) },
  { title: 'payment is bound to', height: 18, draw: (frame) => drawBinding(report, frame) },
  { title: 'autoscaler of the shop is led by', height: 18, draw: (frame) => drawLeaders(report, frame) },
];

const yAxis = (
  frame: Frame,
  scale: Scale,
  ticks: readonly number[],
  format: (value: number) => string,
): readonly string[] =>
  ticks.flatMap((tick) => [
    line(LEFT, scale(tick), frame.right, scale(tick), { class: 'grid' }),
    label(LEFT - 8, scale(tick) + 4, format(tick), { 'text-anchor': 'end' }),
  ]);

const limitLine = (frame: Frame, y: number, text: string): readonly string[] => [
  line(LEFT, y, frame.right, y, { class: 'limit' }),
  label(frame.right + 6, y + 4, text, { style: 'fill:var(--warn)' }),
];

/** Middle of a second: what is counted over it is drawn there. */
const middle = (second: SecondPoint): number => second.atMs + 500;

const drawLoad = (report: TourReport, frame: Frame): readonly string[] => {
  const { seconds, startingCapacity } = report;
  const top = Math.max(startingCapacity, report.peakRate, ...seconds.map((second) => second.sent)) * 1.1;
  const y = scaleLinear([0, top], [frame.bottom, frame.top]);
  const drawn = (value: (second: SecondPoint) => number, colour: string, opacity: number): string =>
    element('path', {
      d:
        area<SecondPoint>(
          (one) => frame.x(middle(one)),
          y(0),
          (one) => y(value(one)),
        ).curve(curveMonotoneX)([...seconds]) ?? '',
      fill: colour,
      'fill-opacity': opacity,
    });
  return [
    ...yAxis(frame, y, y.ticks(4), String),
    drawn((one) => one.sent, 'var(--web)', 0.22),
    drawn((one) => one.failed, 'var(--bad)', 0.8),
    ...limitLine(frame, y(startingCapacity), `start can serve ${Math.round(startingCapacity)}`),
    ...limitLine(frame, y(3 * startingCapacity), `three times that`),
  ];
};

const LOWEST_MS = 20;

const drawLatency = (report: TourReport, frame: Frame): readonly string[] => {
  const { seconds, objective } = report;
  const top = Math.max(2 * objective.p95Ms, ...seconds.map((second) => second.p99Ms ?? 0)) * 1.1;
  const y = scaleLog([LOWEST_MS, top], [frame.bottom, frame.top]).clamp(true);
  const drawn = (value: (second: SecondPoint) => number | null, colour: string, kind: string): string =>
    element('path', {
      d:
        path<SecondPoint>(
          (one) => frame.x(middle(one)),
          (one) => y(value(one) ?? LOWEST_MS),
        )
          .defined((one) => value(one) !== null)
          .curve(curveMonotoneX)([...seconds]) ?? '',
      class: `line ${kind}`,
      stroke: colour,
    });
  const ticks = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000].filter((tick) => tick <= top);
  const last = seconds.at(-1);
  const names = [
    ['p99', last?.p99Ms, 'var(--third)'],
    ['p95', last?.p95Ms, 'var(--own)'],
    ['p50', last?.p50Ms, 'var(--web)'],
  ] as const;
  return [
    ...yAxis(frame, y, ticks, (tick) => (tick >= 1_000 ? `${tick / 1_000} s` : `${tick} ms`)),
    drawn((one) => one.p99Ms, 'var(--third)', 'thin'),
    drawn((one) => one.p95Ms, 'var(--own)', ''),
    drawn((one) => one.p50Ms, 'var(--web)', ''),
    ...limitLine(frame, y(objective.p95Ms), `objective p95 ${objective.p95Ms} ms`),
    ...legend(
      frame,
      names.map(([name, , colour]) => ({ name, colour })),
    ),
  ];
};

const legend = (
  frame: Frame,
  names: readonly { readonly name: string; readonly colour: string }[],
): readonly string[] =>
  names.map(({ name, colour }, at) =>
    label(frame.right + 6, frame.bottom - 4 - (names.length - 1 - at) * 14, name, {
      style: `fill:${colour};font-weight:600`,
    }),
  );

const SERIES = [
  { component: 'web', colour: 'var(--web)', name: 'web' },
  { component: 'api', colour: 'var(--api)', name: 'api (child level)' },
  { component: 'payment-local', colour: 'var(--own)', name: 'payment-local' },
] as const;

const drawInstances = (report: TourReport, frame: Frame): readonly string[] => {
  const top = Math.max(4, ...report.instances.map((point) => point.ready)) + 1;
  const y = scaleLinear([0, top], [frame.bottom, frame.top]);
  return [
    ...yAxis(frame, y, y.ticks(5), String),
    ...SERIES.map(({ component, colour }) =>
      element('path', {
        d:
          path<InstancePoint>(
            (one) => frame.x(one.atMs),
            (one) => y(one.ready),
          ).curve(curveStepAfter)(
            report.instances.filter(
              (point) =>
                point.component === component &&
                frame.x(point.atMs) <= frame.right &&
                frame.x(point.atMs) >= LEFT,
            ),
          ) ?? '',
        class: 'line',
        stroke: colour,
      }),
    ),
    ...legend(frame, SERIES),
  ];
};

interface Stretch {
  readonly atMs: number;
  readonly text: string;
  readonly colour: string;
}

/** Bars one after the other, each until the next begins. */
const drawStretches = (frame: Frame, stretches: readonly Stretch[]): readonly string[] =>
  stretches.flatMap((stretch, at) => {
    const from = Math.max(LEFT, frame.x(stretch.atMs));
    const next = stretches[at + 1];
    const to = next === undefined ? frame.right : Math.min(frame.right, Math.max(LEFT, frame.x(next.atMs)));
    if (to <= from) return [];
    return [
      element('rect', {
        x: from,
        y: frame.top,
        width: to - from - 1,
        height: frame.bottom - frame.top,
        rx: 3,
        fill: stretch.colour,
        'fill-opacity': 0.28,
      }),
      ...(to - from > 40
        ? [label(from + 6, frame.top + 13, stretch.text, { style: 'fill:var(--ink)' })]
        : []),
    ];
  });

const drawBinding = (report: TourReport, frame: Frame): readonly string[] =>
  drawStretches(
    frame,
    report.bindings
      .filter((point) => point.component === 'payment')
      .map(({ atMs, active }) => ({
        atMs,
        text: active,
        colour: active === 'own' ? 'var(--own)' : 'var(--third)',
      })),
  );

const drawLeaders = (report: TourReport, frame: Frame): readonly string[] =>
  drawStretches(
    frame,
    report.leaders
      .filter((point) => point.fn === 'autoscaler' && !point.level.includes('.'))
      .map(({ atMs, replica }, at) => ({
        atMs,
        text: replica,
        colour: at % 2 === 0 ? 'var(--third)' : 'var(--api)',
      })),
  );
