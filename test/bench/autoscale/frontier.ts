/** From finished cells to frontiers: what each policy costs where at most a share of the requests is late. Pure. */

export interface Cell {
  readonly policy: string;
  readonly knob: number;
  readonly trace: string;
  readonly tiers: number;
  readonly startS: number;
  readonly seed: number;
  /** Per cent. */
  readonly late: number;
  readonly requests: number;
  readonly instanceHours: number;
  readonly clairvoyantHours: number;
}

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
}

export const sceneOf = ({ trace, tiers, startS }: Cell): string => `${trace} ${tiers} tiers ${startS} s`;

export const groupBy = <T>(
  items: readonly T[],
  keyOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>();
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

export const pointsOf = (cells: readonly Cell[]): readonly Point[] => {
  const groups = groupBy(cells, (cell) => `${sceneOf(cell)}|${cell.policy}|${cell.knob}`);
  return [...groups.values()].flatMap((group): readonly Point[] => {
    const [first] = group;
    if (first === undefined) return [];
    const requests = sum(group, (cell) => cell.requests);
    const instanceHours = sum(group, (cell) => cell.instanceHours);
    return [
      {
        policy: first.policy,
        knob: first.knob,
        scene: sceneOf(first),
        seeds: group.length,
        late: sum(group, (cell) => cell.late * cell.requests) / Math.max(1, requests),
        cost: instanceHours / sum(group, (cell) => cell.clairvoyantHours),
        instanceHours,
      },
    ];
  });
};

export interface Best {
  readonly scene: string;
  readonly policy: string;
  readonly lateMax: number;
  /** null: no knob keeps it. */
  readonly point: Point | null;
}

/** The cheapest knob of each policy in each scene that keeps at most `lateMax` per cent late. */
export const bestAt = (points: readonly Point[], lateMax: number): readonly Best[] => {
  const groups = groupBy(points, ({ scene, policy }) => `${scene}|${policy}`);
  return [...groups.values()].flatMap((group): readonly Best[] => {
    const [first] = group;
    if (first === undefined) return [];
    const keeping = group.filter(({ late }) => late <= lateMax).sort((a, b) => a.cost - b.cost);
    return [{ scene: first.scene, policy: first.policy, lateMax, point: keeping[0] ?? null }];
  });
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

/** One knob for everything. */
export const fixedSettings = (points: readonly Point[]): readonly FixedSetting[] => {
  const groups = groupBy(points, ({ policy, knob }) => `${policy}|${knob}`);
  return [...groups.values()].flatMap((group): readonly FixedSetting[] => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        policy: first.policy,
        knob: first.knob,
        scenes: group.length,
        kept1: group.filter(({ late }) => late <= 1).length,
        kept5: group.filter(({ late }) => late <= 5).length,
        instanceHours: Math.round(sum(group, ({ instanceHours }) => instanceHours)),
      },
    ];
  });
};
