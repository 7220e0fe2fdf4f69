/** How far ahead a decision looks: until an instance that it starts is useful. */

/** Assumed until a start was measured: a process of an interpreted language with its probe. */
const START_MS_DEFAULT = 3_000;
/** From the decision to its being carried out, and the width of a sample. */
const REACTION_MS = 2_000;

/** `measured`: null while none was. */
export const startMsOf = (measured: number | null): number => measured ?? START_MS_DEFAULT;

/** In ms, by the measured start time; null: none was measured. */
export const horizonOf = (startMs: number | null): number => startMsOf(startMs) + REACTION_MS;
