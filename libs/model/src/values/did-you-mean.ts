/** Guesses what a mistyped name was meant to be. */
import { distance } from 'fastest-levenshtein';

/** The nearest candidate, when it is near enough to be a likely slip of the keyboard. */
export const nearest = (name: string, candidates: Iterable<string>): string | undefined => {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor((name.length + 1) / 3)) + 1;
  for (const candidate of candidates) {
    const away = distance(name.toLowerCase(), candidate.toLowerCase());
    if (away < bestDistance) {
      best = candidate;
      bestDistance = away;
    }
  }
  return best;
};

/** `did you mean "ports"?`, or what else there is to say. */
export const didYouMean = (name: string, candidates: Iterable<string>, otherwise: string): string => {
  const guess = nearest(name, candidates);
  return guess === undefined ? otherwise : `did you mean "${guess}"?`;
};

/** `a, b or c` */
export const oneOf = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
