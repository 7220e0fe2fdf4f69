/** Loads short enough to be replayed live: made ones, and cuts of recorded ones in which a minute takes a few seconds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cutTrace, parseTrace, scaleTrace, type Trace } from '@mitosis/simulation/workload';
import { CAPACITY } from './application.js';

/** Instances that are busy at the peak. */
const PEAK_ERLANG = 10;
const PEAK_RATE = PEAK_ERLANG * CAPACITY;

interface Cut {
  readonly file: string;
  readonly fromMinute: number;
  readonly minutes: number;
  /** Seconds a minute of it lasts here. */
  readonly minuteS: number;
}

const CUTS: Readonly<Record<string, Cut>> = {
  // The evening of two matches: the load doubles, and halves when they are over.
  worldcup: {
    file: 'worldcup98_14d_from_1998-06-22_per_minute.csv',
    fromMinute: 5_232,
    minutes: 72,
    minuteS: 4,
  },
  nasa: { file: 'nasa_http_1995-08_per_minute.csv', fromMinute: 13_815, minutes: 72, minuteS: 4 },
};

interface Made {
  readonly seconds: number;
  /** Share of the peak. */
  readonly at: (second: number) => number;
}

const MADE: Readonly<Record<string, Made>> = {
  step: { seconds: 240, at: (second) => (second < 60 || second >= 170 ? 0.25 : 1) },
  smoke: { seconds: 40, at: (second) => (second < 15 ? 0.1 : 0.3) },
};

const made = (name: string): Trace | null => {
  const found = MADE[name];
  return found === undefined
    ? null
    : {
        name,
        binS: 1,
        rates: Float64Array.from({ length: found.seconds }, (_, second) => PEAK_RATE * found.at(second)),
      };
};

/** Scaled so that its highest rate is the peak. */
const cut = (folder: string, name: string): Trace | null => {
  const found = CUTS[name];
  if (found === undefined) return null;
  const whole = parseTrace(found.file, readFileSync(join(folder, found.file), 'utf8'));
  const trace = cutTrace(whole, found.fromMinute * 60, found.minutes * 60);
  return { ...scaleTrace(trace, PEAK_RATE / Math.max(...trace.rates)), name, binS: found.minuteS };
};

export const liveTrace = (folder: string, name: string): Trace => {
  const trace = made(name) ?? cut(folder, name);
  if (trace === null)
    throw new Error(`no trace ${name}: there are ${Object.keys({ ...CUTS, ...MADE }).join(', ')}`);
  return trace;
};
