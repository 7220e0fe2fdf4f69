/** The tour in the terminal: a compact live picture where a person watches, plain lines elsewhere. */
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { formatTime } from '../output/units.js';
import { renderDecision } from '../render/decisions.js';
import { summarise, within } from './load/statistics.js';
import { OBJECTIVE, STARTING_CAPACITY } from './plan.js';
import { detectionSeconds, recoverySeconds } from './report/judge.js';
import type { FaultReport, InstancePoint, LevelDecision } from './report/report.js';
import { isTelling } from './report/telling.js';
import type { TourEvents } from './tour.js';

type TickState = Parameters<TourEvents['tick']>[0];

const SPARKS = '▁▂▃▄▅▆▇█';
const SPARK_WIDTH = 30;
const DECISIONS_SHOWN = 6;
/** Without a terminal: a line of numbers so often. */
const PLAIN_EVERY_MS = 5_000;
/** The window the numbers are of; one second behind, so that most answers have come. */
const WINDOW_MS = 2_000;
const LAG_MS = 1_000;

/** Bars of the last values, the highest of them being a full one. */
export const sparkline = (values: readonly number[], width = SPARK_WIDTH): string => {
  const shown = values.slice(-width);
  const top = Math.max(1, ...shown);
  return shown
    .map((value) => SPARKS[Math.round((Math.max(0, value) / top) * (SPARKS.length - 1))] ?? ' ')
    .join('');
};

/** Ready instances of a component about once a second, newest last. */
export const instanceSeries = (points: readonly InstancePoint[], component: string): readonly number[] => {
  const bySecond = new Map<number, number>();
  for (const point of points)
    if (point.component === component) bySecond.set(Math.floor(point.atMs / 1_000), point.ready);
  return [...bySecond.values()];
};

export const numbersLine = (state: TickState, nowMs: number): string => {
  const toMs = nowMs - LAG_MS;
  const recent = summarise(within(state.samples, toMs - WINDOW_MS, toMs));
  const rate = recent.sent / (WINDOW_MS / 1_000);
  const total = state.samples.length;
  const failed = state.samples.filter((sample) => sample.outcome !== 'ok').length;
  const p95 = recent.p95Ms === null ? 'unknown' : `${Math.round(recent.p95Ms)} ms`;
  const factor = (rate / STARTING_CAPACITY).toFixed(1);
  const late = recent.p95Ms !== null && recent.p95Ms > OBJECTIVE.p95Ms;
  return (
    `${rate.toFixed(0)} requests/s (${factor} × what the start can serve), ` +
    `p95 ${late ? pc.red(p95) : pc.green(p95)}, failed ${failed} of ${total}`
  );
};

const countText = (value: number | undefined): string => (value === undefined ? '?' : String(value));

export class LiveView implements TourEvents {
  private readonly live: ReturnType<typeof createLogUpdate> | undefined;
  private readonly startedAt = Date.now();
  private readonly decisions: LevelDecision[] = [];
  private current = '';
  private plainAtMs = 0;

  constructor(private readonly out: NodeJS.WriteStream) {
    if (out.isTTY) this.live = createLogUpdate(out);
  }

  phase(name: string, about: string): void {
    this.current = name;
    this.line(`\n${pc.bold(name)}: ${about}`);
  }

  note(text: string): void {
    this.line(`  ${text}`);
  }

  decision(decision: LevelDecision): void {
    if (!isTelling(decision)) return;
    this.decisions.push(decision);
    if (this.decisions.length > DECISIONS_SHOWN) this.decisions.shift();
    if (this.live === undefined) this.line(`  ${decision.level} ${renderDecision(decision)}`);
  }

  fault(fault: FaultReport): void {
    const recovered = recoverySeconds(fault);
    const noticed = detectionSeconds(fault);
    const noticedText = noticed === null ? '' : `, noticed after ${noticed.toFixed(1)} s`;
    this.line(
      recovered === null
        ? pc.red(`  ✗ ${fault.what}${noticedText}: not recovered`)
        : pc.green(
            `  ✓ ${fault.what}${noticedText}, recovered after ${recovered.toFixed(1)} s: ${fault.outcome}`,
          ),
    );
  }

  tick(state: TickState): void {
    const nowMs = Date.now();
    if (this.live !== undefined) return this.live(this.picture(state, nowMs));
    if (nowMs - this.plainAtMs < PLAIN_EVERY_MS) return;
    this.plainAtMs = nowMs;
    const { watch } = state;
    const at = `${Math.round((nowMs - this.startedAt) / 1_000)} s`.padStart(6);
    this.line(
      `${at} ${numbersLine(state, nowMs)}; web ${countText(watch.ready('web'))}, api ${countText(watch.ready('api'))}, ` +
        `payment by ${watch.active('payment') || 'unknown'}`,
    );
  }

  end(): void {
    this.live?.clear();
    this.live?.done();
  }

  private picture(state: TickState, nowMs: number): string {
    const { watch, samples } = state;
    const rates = Array.from({ length: SPARK_WIDTH }, (_, at) => {
      const fromMs = nowMs - LAG_MS - (SPARK_WIDTH - at) * 1_000;
      return within(samples, fromMs, fromMs + 1_000).length;
    });
    const series = (component: string): string =>
      `${sparkline(instanceSeries(watch.instances, component)).padStart(SPARK_WIDTH)} ${countText(watch.ready(component))}`;
    const leader = watch.leaders.findLast((one) => one.fn === 'autoscaler')?.replica ?? 'unknown';
    return [
      '',
      `  ${pc.inverse(` ${this.current} `)}  ${Math.round((nowMs - this.startedAt) / 1_000)} s`,
      `  load      ${sparkline(rates)} ${numbersLine(state, nowMs)}`,
      `  web       ${series('web')} instances`,
      `  api       ${series('api')} instances (level catalog)`,
      `  payment   by ${pc.cyan(watch.active('payment') || 'unknown')}; autoscaler led by ${leader}`,
      ...this.decisions.map((one) => pc.dim(this.fit(`  ${formatTime(one.atMs)} ${shortDecision(one)}`))),
    ].join('\n');
  }

  /** A line that wraps would make the picture jump. */
  private fit(text: string): string {
    const width = (this.out.columns ?? 120) - 1;
    return text.length > width ? `${text.slice(0, width - 1)}…` : text;
  }

  private line(text: string): void {
    this.live?.clear();
    this.out.write(`${text}\n`);
  }
}

const shortDecision = (one: LevelDecision): string =>
  `${one.level} ${one.function}: ${one.action} ${one.component} ${one.change} (${one.reason})`;
