/**
 * The frontiers as a picture: a panel per trace and start-up time, cost over the clairvoyant's by late requests, a line per peer
 * through its knobs and a mark for each objective of `slo`. Pure: points in, SVG out.
 */
import { scaleLog } from 'd3-scale';
import { groupBy, type Point } from './frontier.js';

/** Of one trace and start-up time. */
export interface Panel {
  readonly trace: string;
  readonly startS: number;
  readonly peers: readonly Point[];
  /** By percentile of the objective. */
  readonly own: readonly (readonly [number, Point])[];
}

const PANEL = { width: 250, height: 150, left: 34, top: 22, right: 8, bottom: 26 } as const;
/** Above the panels, for the legend. */
const LEGEND_HEIGHT = 34;
/** What is less late or dearer than this stands at the edge. */
const LATE: readonly [number, number] = [0.02, 100];
const COST: readonly [number, number] = [0.85, 12];
const LATE_TICKS = [0.1, 1, 5, 20, 100];
const COST_TICKS = [1, 2, 5, 10];
/** Shares of late requests that objectives allow. */
const LIMITS = [1, 5];

const COLOURS: Readonly<Record<string, string>> = {
  'hpa-rps': 'var(--hpa)',
  'hpa-cpu': 'var(--cpu)',
  kpa: 'var(--kpa)',
  target: 'var(--target)',
  threshold: 'var(--threshold)',
};

const colourOf = (policy: string): string => COLOURS[policy] ?? 'var(--muted)';

const STYLE = `
svg{--bg:#fff;--ink:#1b1f24;--muted:#667079;--grid:#e4e8ec;--own:#c8281e;--hpa:#2563c9;--cpu:#7aa5e8;--kpa:#0e8a6d;--target:#b45309;--threshold:#8b5fbf}
@media (prefers-color-scheme:dark){svg{--bg:#14171b;--ink:#e8ebee;--muted:#98a2ad;--grid:#2a3037;--own:#ff6b60;--hpa:#6ea3ff;--cpu:#4668a0;--kpa:#3ecfa6;--target:#f0934a;--threshold:#b794f4}}
text{font:10px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--muted)}
.title{font-weight:600;fill:var(--ink);font-size:11px}.grid{stroke:var(--grid)}.limit{stroke:var(--muted);stroke-dasharray:3 3}
.line{fill:none;stroke-width:1.4;opacity:.9}.own{fill:var(--own);stroke:var(--bg)}`;

const x = scaleLog(LATE, [PANEL.left, PANEL.width - PANEL.right]).clamp(true);
const y = scaleLog(COST, [PANEL.height - PANEL.bottom, PANEL.top]).clamp(true);

const at = ({ late, cost }: Point): readonly [number, number] => [
  Math.round(10 * x(Math.max(late, LATE[0]))) / 10,
  Math.round(10 * y(cost)) / 10,
];

const axes = (): string => {
  const [left, right] = [PANEL.left, PANEL.width - PANEL.right];
  const [top, bottom] = [PANEL.top, PANEL.height - PANEL.bottom];
  const across = COST_TICKS.map(
    (cost) =>
      `<path class="grid" d="M${left} ${y(cost).toFixed(1)}H${right}"/>` +
      `<text x="${left - 4}" y="${(y(cost) + 3).toFixed(1)}" text-anchor="end">${cost} ×</text>`,
  );
  const down = LATE_TICKS.map(
    (late) =>
      `<path class="grid" d="M${x(late).toFixed(1)} ${top}V${bottom}"/>` +
      `<text x="${x(late).toFixed(1)}" y="${bottom + 12}" text-anchor="middle">${late}</text>`,
  );
  const limits = LIMITS.map((late) => `<path class="limit" d="M${x(late).toFixed(1)} ${top}V${bottom}"/>`);
  return [...across, ...down, ...limits].join('');
};

const lineOf = (policy: string, points: readonly Point[]): string => {
  const colour = colourOf(policy);
  const places = points.toSorted((a, b) => a.knob - b.knob).map(at);
  const path = places.map(([px, py]) => `${px} ${py}`).join('L');
  const dots = places.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="2" fill="${colour}"/>`).join('');
  return `<path class="line" stroke="${colour}" d="M${path}"/>${dots}`;
};

const MARK = 5.5;

/** A diamond; of looser objectives than 99 % a smaller one. */
const markAt = ([px, py]: readonly [number, number], percentile: number): string => {
  const size = percentile >= 99 ? MARK : 0.65 * MARK;
  return `<path class="own" d="M${px} ${py - size}L${px + size} ${py}L${px} ${py + size}L${px - size} ${py}Z"/>`;
};

const panelText = ({ trace, startS, peers, own }: Panel): string => {
  const byPolicy = groupBy(peers, ({ policy }) => policy);
  return [
    `<text class="title" x="${PANEL.left}" y="14">${trace}, start ${startS} s</text>`,
    axes(),
    ...Array.from(byPolicy, ([policy, points]) => lineOf(policy, points)),
    ...own.map(([percentile, point]) => markAt(at(point), percentile)),
  ].join('');
};

const legend = (policies: readonly string[]): string => {
  const entries = policies.map((policy, i) => {
    const left = 330 + 92 * i;
    return `<path class="line" stroke="${colourOf(policy)}" d="M${left} 16h18"/><text x="${left + 23}" y="19">${policy}</text>`;
  });
  const own =
    markAt([16, 16], 99) +
    '<text x="27" y="19">slo, 99 % asked for</text>' +
    markAt([146, 16], 95) +
    '<text x="157" y="19">95 %</text>' +
    '<text x="200" y="19">peers, by their knobs:</text>';
  return own + entries.join('');
};

/** Panels row by row, each trace in its own row. */
export const frontierChart = (panels: readonly Panel[]): string => {
  const traces = [...new Set(panels.map(({ trace }) => trace))];
  const starts = [...new Set(panels.map(({ startS }) => startS))].toSorted((a, b) => a - b);
  const policies = [...new Set(panels.flatMap(({ peers }) => peers.map(({ policy }) => policy)))];
  const width = PANEL.width * starts.length;
  const height = LEGEND_HEIGHT + PANEL.height * traces.length + 14;
  const placed = panels.map((panel) => {
    const left = PANEL.width * starts.indexOf(panel.startS);
    const top = LEGEND_HEIGHT + PANEL.height * traces.indexOf(panel.trace);
    return `<g transform="translate(${left} ${top})">${panelText(panel)}</g>`;
  });
  const title = 'Instance-time over the clairvoyant’s by late requests in per cent, both logarithmic';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title>`,
    `<style>${STYLE}</style><rect width="${width}" height="${height}" fill="var(--bg)"/>`,
    legend(policies),
    ...placed,
    `<text x="${width / 2}" y="${height - 6}" text-anchor="middle">${title}</text></svg>\n`,
  ].join('\n');
};
