/** The forms that texts in a composition take; each says itself what is expected. */
import { byteSize, BYTES_PATTERN } from '../values/bytes.js';
import { durationMs, DURATION_PATTERN } from '../values/duration.js';
import { ratio, RATIO_PATTERN } from '../values/ratio.js';
import { isCronPattern, isTimezone } from '../values/calendar.js';
import { MONEY_PATTERN, THROUGHPUT_PATTERN } from '../values/rate.js';
import { formatted } from './shape.js';

export const duration = formatted(
  'a duration such as 30s, 1m30s or 200ms',
  DURATION_PATTERN,
  (text) => durationMs(text) !== undefined,
);
export const bytes = formatted(
  'a size such as 128M, 1.5gb or a number of bytes',
  BYTES_PATTERN,
  (text) => byteSize(text) !== undefined,
);
/** Where Docker takes -1 for "no limit". */
export const bytesOrUnlimited = formatted(
  'a size such as 128M, 1.5gb, a number of bytes, or -1',
  `^-1$|${BYTES_PATTERN}`,
);
export const share = formatted(
  'a share such as 1% or 0.01',
  RATIO_PATTERN,
  (text) => ratio(text) !== undefined,
);
export const money = formatted('money per hour such as 2.50/h or 60/d', MONEY_PATTERN);
export const throughput = formatted('requests per second such as 200/s', THROUGHPUT_PATTERN);
export const wholeNumber = formatted('a whole number', '^-?\\d+$');
export const count = formatted('a whole number, 0 or more', '^\\d+$');
export const positiveCount = formatted('a whole number, 1 or more', '^0*[1-9]\\d*$');
export const amount = formatted('a number, 0 or more', '^(\\d+(\\.\\d*)?|\\.\\d+)$');
export const portNumber = formatted('a port from 1 to 65535', '^\\d{1,5}$', (text) => isPort(Number(text)));
export const fileMode = formatted('an octal file mode such as "0440"', '^(0o[0-7]+|\\d+)$');

export const cron = formatted(
  'a cron pattern of five fields such as "0 8 * * 1-5"',
  '^\\s*\\S+(\\s+\\S+){4}\\s*$',
  isCronPattern,
);
export const timezone = formatted(
  'a time zone such as Europe/Zurich or UTC',
  '^[A-Za-z0-9_+/-]+$',
  isTimezone,
);

export const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;
