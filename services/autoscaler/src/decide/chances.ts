/**
 * Loads that may come and how likely each is, as columns: decisions run over hundreds of them every second for every
 * component, and records of two numbers would cost more than the arithmetic.
 */

export interface Chances {
  /** Requests per second, ascending. */
  readonly rates: readonly number[];
  /** Of the same length; they sum to 1 but for what is negligible. */
  readonly weights: readonly number[];
}

export const meanOf = ({ rates, weights }: Chances): number => {
  let sum = 0;
  for (let i = 0; i < rates.length; i += 1) sum += (rates[i] ?? 0) * (weights[i] ?? 0);
  return sum;
};

/** Filled while one distribution is made, then copied at its length: growing arrays are several times the garbage. */
const filling = { rates: [0.5], weights: [0.5], length: 0 };

const add = (rate: number, weight: number): void => {
  filling.rates[filling.length] = rate;
  filling.weights[filling.length] = weight;
  filling.length += 1;
};

/** `fill` adds the loads in ascending order; it must not make another distribution meanwhile. */
export const chancesBy = (fill: (add: (rate: number, weight: number) => void) => void): Chances => {
  filling.length = 0;
  fill(add);
  const { rates, weights, length } = filling;
  return { rates: rates.slice(0, length), weights: weights.slice(0, length) };
};

/** One distribution of several, each as likely as its odds are. */
export const mixed = (parts: readonly { readonly odds: number; readonly chances: Chances }[]): Chances => {
  const all = parts.reduce((sum, { odds }) => sum + odds, 0);
  const columns = parts.map(({ chances }) => chances.rates);
  const next = parts.map(() => 0);
  return chancesBy((addTo) => {
    for (;;) {
      let lowest = -1;
      let least = Infinity;
      for (let i = 0; i < columns.length; i += 1) {
        const rate = columns[i]?.[next[i] ?? 0] ?? Infinity;
        if (rate < least) {
          least = rate;
          lowest = i;
        }
      }
      const part = parts[lowest];
      if (part === undefined) return;
      const at = next[lowest] ?? 0;
      addTo(least, ((part.chances.weights[at] ?? 0) * part.odds) / all);
      next[lowest] = at + 1;
    }
  });
};
