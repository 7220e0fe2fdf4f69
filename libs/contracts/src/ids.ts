/** Branded identifiers: one kind can never be passed for another. */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** `shop`, `shop.catalog`: a composition's management; dots separate nested levels. */
export type LevelId = Branded<string, 'LevelId'>;
export type ComponentName = Branded<string, 'ComponentName'>;
/** `<component>-<suffix>`; never used again once chosen. */
export type InstanceId = Branded<string, 'InstanceId'>;
export type SiteId = Branded<string, 'SiteId'>;
export type DecisionId = Branded<string, 'DecisionId'>;
/** The instance id of a management replica. */
export type ReplicaId = InstanceId;

export const levelId = (value: string): LevelId => value as LevelId;
export const componentName = (value: string): ComponentName => value as ComponentName;
export const instanceId = (value: string): InstanceId => value as InstanceId;
export const siteId = (value: string): SiteId => value as SiteId;
export const decisionId = (value: string): DecisionId => value as DecisionId;

/** Sorts by time. `random`: uniform in [0, 1); within one millisecond 36⁶ ids are told apart. */
export const newDecisionId = (nowMs: number, random: () => number): DecisionId =>
  decisionId(
    `${Math.floor(nowMs).toString(36).padStart(9, '0')}-${Array.from({ length: 6 }, () => Math.floor(random() * 36).toString(36)).join('')}`,
  );

/** The level a child composition is managed in. */
export const childLevel = (parent: LevelId, component: ComponentName): LevelId =>
  levelId(`${parent}.${component}`);
/** The level above, or undefined for a root. */
export const parentLevel = (level: LevelId): LevelId | undefined => {
  const dot = level.lastIndexOf('.');
  return dot < 0 ? undefined : levelId(level.slice(0, dot));
};
