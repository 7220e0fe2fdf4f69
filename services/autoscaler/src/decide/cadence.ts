/**
 * What must not depend on how often it is looked. A look comes once a second, but a busy host makes it late and a simulation of
 * a month makes it seldom; each sample says how many seconds it speaks for.
 */

/** As long as this may be missing between two looks before what lies between them is unknown. */
const GAP_MS = 5_000;

/** Something was missed: more time passed since the last look (0: there was none) than the newest sample speaks for, and some more. */
export const isGap = (lastMs: number, nowMs: number, seconds: number): boolean =>
  lastMs === 0 || nowMs - lastMs > GAP_MS + (seconds - 1) * 1_000;

/** Of exponential smoothing that moves by `gain` of what is missing in a second: to the digit that for a sample of one. */
export const gainOver = (gain: number, seconds: number): number =>
  seconds === 1 ? gain : 1 - (1 - gain) ** seconds;
