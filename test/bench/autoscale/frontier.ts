/** From finished cells to frontiers: what each policy costs where at most a share of the requests is late. Pure. */

export interface Cell {
  readonly policy: string;
  readonly knob: number;
  readonly trace: string;
  readonly tiers: number;
  readonly startS: number;
  readonly seed: number;
  /** Of the objective that `slo` is given; peers know none. */
  readonly percentile: number;
  /** Per cent. */
  readonly late: number;
  readonly requests: number;
  readonly instanceHours: number;
  readonly clairvoyantHours: number;
  /** Of the SPEC research group, in per cent: mean shortage and surplus, share of time short and over, moves against the demand. */
  readonly under: number;
  readonly over: number;
  readonly underTime: number;
  readonly overTime: number;
  readonly instability: number;
}

export type Elasticity = Pick<Cell, 'under' | 'over' | 'underTime' | 'overTime' | 'instability'>;

/** A policy with one knob on one trace, tiers and start-up time, over all seeds. */
export interface Point {
  readonly policy: string;
  readonly knob: number;
  readonly scene: string;
  readonly seeds: number;
  /** Per cent of all requests. */
  readonly late: number;
  /** Instance-time over the clairvoyant's. */
  readonly cost: number;
  readonly instanceHours: number;
  /** Mean over the seeds. */
  readonly elasticity: Elasticity;
}

export const sceneOf = ({ trace, tiers, startS }: Cell): string => `${trace} ${tiers} tiers ${startS} s`;

export type Group<T> = readonly [T, ...T[]];

export const groupBy = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlyMap<string, Group<T>> => {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

const elasticityOf = (cells: readonly Cell[]): Elasticity => {
  const mean = (of: (cell: Cell) => number): number => sum(cells, of) / cells.length;
  return {
    under: mean(({ under }) => under),
    over: mean(({ over }) => over),
    underTime: mean(({ underTime }) => underTime),
    overTime: mean(({ overTime }) => overTime),
    instability: mean(({ instability }) => instability),
  };
};

export const pointsOf = (cells: readonly Cell[]): readonly Point[] => {
  const groups = groupBy(cells, (cell) => `${sceneOf(cell)}|${cell.policy}|${cell.knob}|${cell.percentile}`);
  return [...groups.values()].map((group): Point => {
    const [first] = group;
    const requests = sum(group, (cell) => cell.requests);
    const instanceHours = sum(group, (cell) => cell.instanceHours);
    return {
      policy: first.policy,
      knob: first.knob,
      scene: sceneOf(first),
      seeds: group.length,
      late: sum(group, (cell) => cell.late * cell.requests) / Math.max(1, requests),
      cost: instanceHours / sum(group, (cell) => cell.clairvoyantHours),
      instanceHours,
      elasticity: elasticityOf(group),
    };
  });
};

export interface Best {
  readonly scene: string;
  readonly policy: string;
  readonly lateMax: number;
  /** null: no knob keeps it. */
  readonly point: Point | null;
}

/** null: none does. */
const cheapestKeeping = (points: readonly Point[], lateMax: number): Point | null => {
  const [cheapest = null] = points.filter(({ late }) => late <= lateMax).toSorted((a, b) => a.cost - b.cost);
  return cheapest;
};

/** The cheapest knob of each policy in each scene that keeps at most `lateMax` per cent late. */
export const bestAt = (points: readonly Point[], lateMax: number): readonly Best[] => {
  const groups = groupBy(points, ({ scene, policy }) => `${scene}|${policy}`);
  return [...groups.values()].map((group): Best => {
    const [{ scene, policy }] = group;
    return { scene, policy, lateMax, point: cheapestKeeping(group, lateMax) };
  });
};

/**
 * What the cheapest of a policy's knobs costs where no more than `late` per cent is late, between two knobs interpolated; null: it
 * never is that punctual.
 */
export const costAt = (points: readonly Point[], late: number): number | null => {
  const sorted = points.toSorted((a, b) => a.late - b.late);
  const costs = sorted.flatMap((point, i): readonly number[] => {
    if (point.late > late) return [];
    const next = sorted[i + 1];
    if (next === undefined || next.late <= late) return [point.cost];
    const share = (late - point.late) / (next.late - point.late);
    return [point.cost, point.cost + share * (next.cost - point.cost)];
  });
  return costs.length === 0 ? null : Math.min(...costs);
};

export interface Verdict {
  readonly own: Point;
  /** The cheapest knob of any peer that keeps the objective; null: none does. */
  readonly best: Point | null;
  /** What peers cost where they are as late; null: none ever is that punctual. */
  readonly same: number | null;
  readonly sign: '✓' | '◇' | '○' | '✗';
}

/** Of the share of the cost that a figure of three digits leaves open. */
const EQUAL = 1.0025;

/**
 * ✓: keeps `lateMax` for no more than any peer, or nobody keeps it and none is cheaper for the same; ◇: cheaper for the same, but more
 * punctual than asked, and a peer that uses up what is allowed is cheaper; ○: cheaper for the same, but later than asked where a peer
 * is not; ✗: a peer is cheaper for the same. `slack`: times what peers cost that counts as no more.
 */
export const verdictOf = (own: Point, peers: readonly Point[], lateMax: number, slack = 1): Verdict => {
  const policies = [...groupBy(peers, ({ policy }) => policy).values()];
  const equal = policies.flatMap((points) => costAt(points, own.late) ?? []);
  const same = equal.length === 0 ? null : Math.min(...equal);
  const best = cheapestKeeping(peers, lateMax);
  const isNoMore = (than: number): boolean => own.cost <= EQUAL * slack * than;
  const keeps = own.late <= lateMax;
  const signOf = (): Verdict['sign'] => {
    if (keeps && (best === null || isNoMore(best.cost))) return '✓';
    if (same !== null && !isNoMore(same)) return '✗';
    if (keeps) return '◇';
    return best === null ? '✓' : '○';
  };
  return { own, best, same, sign: signOf() };
};

export interface FixedSetting {
  readonly policy: string;
  readonly knob: number;
  readonly scenes: number;
  /** In how many of them at most 1 % and 5 % were late. */
  readonly kept1: number;
  readonly kept5: number;
  /** Instance-hours over all scenes. */
  readonly instanceHours: number;
}

const bySetting = (points: readonly Point[]): readonly Group<Point>[] => [
  ...groupBy(points, ({ policy, knob }) => `${policy}|${knob}`).values(),
];

/** One knob for everything. */
export const fixedSettings = (points: readonly Point[]): readonly FixedSetting[] => {
  return bySetting(points).map((group) => {
    const [{ policy, knob }] = group;
    return {
      policy,
      knob,
      scenes: group.length,
      kept1: group.filter(({ late }) => late <= 1).length,
      kept5: group.filter(({ late }) => late <= 5).length,
      instanceHours: Math.round(sum(group, ({ instanceHours }) => instanceHours)),
    };
  });
};

export interface FixedAgainst {
  readonly policy: string;
  readonly knob: number;
  readonly scenes: number;
  /** In how many of them it is as punctual as the other, or as asked. */
  readonly asPunctual: number;
  /** Instance-hours over those of the other, of all scenes. */
  readonly costRatio: number;
}

/** One knob of a peer for everything beside `own`, a point a scene: the most punctual first. */
export const fixedAgainst = (
  own: readonly Point[],
  peers: readonly Point[],
  lateMax: number,
): readonly FixedAgainst[] => {
  const ownIn = new Map(own.map((point) => [point.scene, point]));
  const shared = peers.filter(({ scene }) => ownIn.has(scene));
  return bySetting(shared)
    .map((group) => {
      const [{ policy, knob }] = group;
      const others = group.flatMap(({ scene }) => ownIn.get(scene) ?? []);
      return {
        policy,
        knob,
        scenes: group.length,
        asPunctual: group.filter(({ scene, late }) => late <= Math.max(lateMax, ownIn.get(scene)?.late ?? 0))
          .length,
        costRatio:
          sum(group, ({ instanceHours }) => instanceHours) /
          sum(others, ({ instanceHours }) => instanceHours),
      };
    })
    .toSorted((a, b) => b.asPunctual - a.asPunctual || a.costRatio - b.costRatio);
};
