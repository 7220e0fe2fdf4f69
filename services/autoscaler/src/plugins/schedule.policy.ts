/**
 * `schedule`: counts by the calendar, as KEDA's cron scaler has them: a window is in force from each match of its start
 * until the next match of its end; of several the highest count holds, outside of all the minimum. The calendar is read
 * only when a boundary is crossed. While nothing at all is known of the component, it removes nothing.
 */
import type { ScalingPolicy, ScheduleWindow } from '@mitosis/contracts';
import { Cron } from 'croner';
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type PolicyStep, type ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'schedule' }>;

/** What the calendar says from `fromMs` on, before `untilMs` (-1: for ever). */
type ScheduleState = {
  readonly calendar: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** -1: no window is in force. */
  readonly count: number;
};

const UNREAD: ScheduleState = { calendar: '', fromMs: 0, untilMs: 0, count: -1 };

const cron = (pattern: string, timezone: string): Cron => new Cron(pattern, { timezone, paused: true });

/** The latest match at or before `nowMs`; -1: there was none. */
const latest = (pattern: Cron, nowMs: number): number =>
  pattern.previousRuns(1, new Date(nowMs + 1))[0]?.getTime() ?? -1;

const readWindow = (
  { start, end, count }: ScheduleWindow,
  timezone: string,
  nowMs: number,
): { readonly count: number; readonly nextMs: number } => {
  const starts = cron(start, timezone);
  const ends = cron(end, timezone);
  const now = new Date(nowMs);
  const next = [starts, ends].map((pattern) => pattern.nextRun(now)?.getTime() ?? Infinity);
  const startedMs = latest(starts, nowMs);
  return { count: startedMs > latest(ends, nowMs) ? count : -1, nextMs: Math.min(...next) };
};

const readCalendar = ({ windows, timezone }: Options, calendar: string, nowMs: number): ScheduleState => {
  const read = windows.map((window) => readWindow(window, timezone, nowMs));
  const nextMs = Math.min(...read.map((window) => window.nextMs));
  return {
    calendar,
    fromMs: nowMs,
    untilMs: Number.isFinite(nextMs) ? nextMs : -1,
    count: Math.max(-1, ...read.map((window) => window.count)),
  };
};

const isCurrent = (state: ScheduleState, calendar: string, nowMs: number): boolean =>
  state.calendar === calendar && nowMs >= state.fromMs && (state.untilMs === -1 || nowMs < state.untilMs);

const until = ({ untilMs }: ScheduleState): string =>
  untilMs === -1 ? '' : ` until ${new Date(untilMs).toISOString()}`;

const step = (
  state: ScheduleState,
  observation: ComponentObservation,
  options: Options,
): PolicyStep<ScheduleState> => {
  const { nowMs, scale, requests, usage, count } = observation;
  const calendar = JSON.stringify([options.timezone, options.windows]);
  const read = isCurrent(state, calendar, nowMs) ? state : readCalendar(options, calendar, nowMs);
  const wanted = read.count === -1 ? scale.min : read.count;
  if (wanted < count && requests === null && usage === null)
    return { state: read, recommendation: hold(observation, 'nothing is known of it now') };
  return {
    state: read,
    recommendation: {
      count: wanted,
      reason:
        read.count === -1
          ? `no window of the schedule is in force${until(read)}: the minimum of ${wanted}`
          : `the schedule says ${wanted}${until(read)} (${options.timezone})`,
      predicted: null,
      inputs: { untilMs: read.untilMs },
    },
  };
};

export const schedule = {
  summary: 'counts by cron patterns in a time zone, the minimum outside of its windows',
  initial: () => UNREAD,
  step,
} satisfies ScalingPolicyPlugin<Options, ScheduleState>;
