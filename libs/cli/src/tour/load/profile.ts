/** The load to offer over time: straight pieces of requests per second, and the mix of requests. Pure. */

export interface LoadPiece {
  readonly seconds: number;
  /** Requests per second at its begin and its end. */
  readonly from: number;
  readonly to: number;
}

export interface RequestKind {
  readonly name: string;
  readonly path: string;
  /** Share of all requests, 0..1. */
  readonly share: number;
}

/** Requests per second `atS` seconds after the begin of a piece; its last value after its end. */
export const rateAt = (piece: LoadPiece, atS: number): number => {
  const done = piece.seconds === 0 ? 1 : Math.min(1, Math.max(0, atS / piece.seconds));
  return piece.from + (piece.to - piece.from) * done;
};

/**
 * When request n (from 0) of a piece is due, in seconds since its begin: where the integral of the rate reaches n. Does
 * not depend on answers, so that a slow server is offered no less (no coordinated omission). Infinity: never.
 */
export const dueS = (piece: LoadPiece, n: number): number => {
  const { seconds, from, to } = piece;
  const inPiece = ((from + to) / 2) * seconds;
  if (n >= inPiece) return to > 0 ? seconds + (n - inPiece) / to : Infinity;
  const slope = (to - from) / seconds;
  // n = from·t + slope·t²/2, solved so that a slope of nearly zero loses no digits.
  return (2 * n) / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * n)) || 1);
};

/**
 * The kind of the n-th request: spread evenly by the golden ratio instead of at random, so that two runs offer the same
 * and no second has a different mix than another.
 */
export const kindOf = (kinds: readonly RequestKind[], n: number): number => {
  const point = (n * 0.618_033_988_749_895) % 1;
  let upTo = 0;
  for (const [index, kind] of kinds.entries()) {
    upTo += kind.share;
    if (point < upTo) return index;
  }
  return kinds.length - 1;
};
