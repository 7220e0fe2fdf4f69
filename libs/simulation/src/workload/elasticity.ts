/**
 * Elasticity metrics of the SPEC research group (Herbst et al., SPEC-RG-2016-01): how far supply is from demand, for how
 * long, and how often they move against each other. Averages over components.
 */

export interface Elasticity {
  /** θU, θO: mean shortage and surplus relative to the demand, in per cent. */
  readonly underAccuracy: number;
  readonly overAccuracy: number;
  /** τU, τO: share of time with too few and too many instances, in per cent. */
  readonly underTime: number;
  readonly overTime: number;
  /** υ: share of minutes in which supply and demand move in different directions, in per cent. */
  readonly instability: number;
}

/** Over a second hardly anything moves; a minute is the bin of most traces. */
const MOVE_S = 60;

const ofOne = (demand: Uint16Array, supply: Uint16Array): Elasticity => {
  const seconds = demand.length;
  let under = 0;
  let over = 0;
  let underS = 0;
  let overS = 0;
  for (let i = 0; i < seconds; i += 1) {
    const wanted = Math.max(1, demand[i] ?? 1);
    const missing = wanted - (supply[i] ?? 0);
    if (missing > 0) {
      under += missing / wanted;
      underS += 1;
    } else if (missing < 0) {
      over -= missing / wanted;
      overS += 1;
    }
  }
  let moves = 0;
  let against = 0;
  for (let i = MOVE_S; i < seconds; i += MOVE_S) {
    moves += 1;
    const wanted = Math.sign((demand[i] ?? 0) - (demand[i - MOVE_S] ?? 0));
    const given = Math.sign((supply[i] ?? 0) - (supply[i - MOVE_S] ?? 0));
    if (wanted !== given) against += 1;
  }
  const percent = (part: number, whole: number): number => (whole === 0 ? 0 : (100 * part) / whole);
  return {
    underAccuracy: percent(under, seconds),
    overAccuracy: percent(over, seconds),
    underTime: percent(underS, seconds),
    overTime: percent(overS, seconds),
    instability: percent(against, moves),
  };
};

/** `demand` and `supply` in instances per second, one series a component. */
export const elasticityOf = (demand: readonly Uint16Array[], supply: readonly Uint16Array[]): Elasticity => {
  const all = supply.map((series, i) => ofOne(demand[i] ?? new Uint16Array(series.length), series));
  const mean = (of: (one: Elasticity) => number): number =>
    all.reduce((sum, one) => sum + of(one), 0) / Math.max(1, all.length);
  return {
    underAccuracy: mean(({ underAccuracy }) => underAccuracy),
    overAccuracy: mean(({ overAccuracy }) => overAccuracy),
    underTime: mean(({ underTime }) => underTime),
    overTime: mean(({ overTime }) => overTime),
    instability: mean(({ instability }) => instability),
  };
};
