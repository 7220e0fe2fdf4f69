/**
 * Who gets the next request: the alternative by its weight, then the endpoint with the fewest requests in flight.
 * Called once per request: it allocates nothing. Never answers with a draining endpoint; with an ejected one only when
 * every other way is closed (panic).
 */

/** What the choice looks at; the live objects of the data path are candidates themselves. */
export interface Candidate {
  /** Identity over table swaps. */
  readonly key: string;
  readonly inFlight: number;
  readonly draining: boolean;
  /** Out until then (wall clock); 0: in. */
  readonly ejectedUntilMs: number;
}

export interface WeightedChoice<T extends Candidate> {
  readonly weight: number;
  readonly targets: readonly T[];
}

/** Above this many endpoints two random choices come close enough to the least loaded, at a constant price. */
export const FULL_SCAN_MAX = 32;
/** Pairs drawn before giving up on luck: with half of the endpoints out, all fail in one of 10^5 requests. */
const DRAWS_MAX = 16;

/** How good a candidate is: 2 to be used, 1 only in panic, 0 never. */
const rank = (candidate: Candidate, tried: readonly string[], nowMs: number): 0 | 1 | 2 => {
  if (candidate.draining || tried.includes(candidate.key)) return 0;
  return candidate.ejectedUntilMs > nowMs ? 1 : 2;
};

/**
 * The least loaded usable candidate; undefined when there is none.
 *
 * @param tried - keys of the candidates that failed this request already
 * @param random - uniform in [0, 1)
 */
export const chooseTarget = <T extends Candidate>(
  candidates: readonly T[],
  tried: readonly string[],
  nowMs: number,
  random: () => number,
): T | undefined => {
  if (candidates.length > FULL_SCAN_MAX) {
    const drawn = drawTwo(candidates, tried, nowMs, random);
    if (drawn) return drawn;
  }
  return (
    scan(candidates, tried, nowMs, random, (candidateRank) => candidateRank === 2) ??
    scan(candidates, tried, nowMs, random, (candidateRank) => candidateRank === 1)
  );
};

const scan = <T extends Candidate>(
  candidates: readonly T[],
  tried: readonly string[],
  nowMs: number,
  random: () => number,
  wanted: (candidateRank: 0 | 1 | 2) => boolean,
): T | undefined => {
  // A random start breaks ties evenly; always the first would load one endpoint of an idle component.
  const start = candidates.length > 1 ? Math.floor(random() * candidates.length) : 0;
  let best: T | undefined;
  for (let i = 0; i < candidates.length; i += 1) {
    const candidate = candidates[(start + i) % candidates.length];
    if (candidate === undefined || !wanted(rank(candidate, tried, nowMs))) continue;
    if (best === undefined || candidate.inFlight < best.inFlight) best = candidate;
  }
  return best;
};

const drawTwo = <T extends Candidate>(
  candidates: readonly T[],
  tried: readonly string[],
  nowMs: number,
  random: () => number,
): T | undefined => {
  let first: T | undefined;
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const candidate = candidates[Math.floor(random() * candidates.length)];
    if (candidate === undefined || candidate === first || rank(candidate, tried, nowMs) !== 2) continue;
    if (first !== undefined) return candidate.inFlight < first.inFlight ? candidate : first;
    first = candidate;
  }
  return first;
};

/**
 * Draws a choice by weight among the best ones that can serve at all: those with a usable target, else those with an
 * ejected one. A weight of 0 is never drawn, whatever the others' state: the composer's split is the limit.
 */
export const chooseByWeight = <T extends Candidate, C extends WeightedChoice<T>>(
  choices: readonly C[],
  tried: readonly string[],
  nowMs: number,
  random: () => number,
): C | undefined => {
  if (choices.length === 1) return choices[0];
  const ranks = choices.map((choice) => (choice.weight > 0 ? bestRank(choice.targets, tried, nowMs) : 0));
  const best = Math.max(0, ...ranks);
  if (best === 0) return undefined;
  const servable = choices.filter((_, i) => ranks[i] === best);
  const total = servable.reduce((sum, choice) => sum + choice.weight, 0);
  let left = random() * total;
  for (const choice of servable) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return servable.at(-1);
};

const bestRank = (targets: readonly Candidate[], tried: readonly string[], nowMs: number): number => {
  let best = 0;
  for (const target of targets) best = Math.max(best, rank(target, tried, nowMs));
  return best;
};
