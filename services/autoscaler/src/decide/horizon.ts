/** How far ahead a decision looks: until an instance that it starts is useful. */
import type { ComponentObservation } from './observation.js';

/** Assumed until a start was measured: a process of an interpreted language with its probe. */
const START_MS_DEFAULT = 3_000;
/** From the decision to its being carried out, and the width of a sample. */
const REACTION_MS = 2_000;

type Measured = Pick<ComponentObservation, 'startMs'>;

export const startMsOf = ({ startMs }: Measured): number => startMs ?? START_MS_DEFAULT;

/** In ms. */
export const horizonOf = (measured: Measured): number => startMsOf(measured) + REACTION_MS;
