/** The type graph in force: what an apply, a disposal or an override changes of it. */
import type { Component, OverrideRecord, SpecRecord, TypeGraph } from '@mitosis/contracts';

export type ApplyOutcome =
  | { readonly kind: 'unchanged'; readonly generation: number }
  | { readonly kind: 'conflict'; readonly problem: string }
  | { readonly kind: 'apply'; readonly record: SpecRecord; readonly change: string };

/** Any generation will do. */
const ANY_GENERATION = -1;

const names = (graph: TypeGraph | undefined): readonly string[] => Object.keys(graph?.components ?? {});

const changed = (before: Component | undefined, after: Component | undefined): boolean =>
  before !== undefined && after !== undefined && JSON.stringify(before) !== JSON.stringify(after);

/** "+payment ~web -batch", or what else is new. */
export const describeChange = (before: TypeGraph | undefined, after: TypeGraph): string => {
  const had = new Set(names(before));
  const has = new Set(names(after));
  const parts = [
    ...names(after)
      .filter((name) => !had.has(name))
      .map((name) => `+${name}`),
    ...names(after)
      .filter((name) => changed(before?.components[name], after.components[name]))
      .map((name) => `~${name}`),
    ...names(before)
      .filter((name) => !has.has(name))
      .map((name) => `-${name}`),
  ];
  return parts.length === 0 ? 'objectives, sites or management' : parts.join(' ');
};

/**
 * `expectedGeneration`: -1 whatever is there, 0 only if there is none, else only over that generation. The same digest
 * changes nothing, unless the composition is being disposed of: then it is wanted again.
 */
export const decideApply = (
  current: SpecRecord | null,
  typeGraph: TypeGraph,
  expectedGeneration: number,
  nowMs: number,
): ApplyOutcome => {
  const generation = current?.generation ?? 0;
  if (expectedGeneration !== ANY_GENERATION && expectedGeneration !== generation) {
    const problem = `generation ${generation} is in force, ${expectedGeneration} was expected`;
    return { kind: 'conflict', problem };
  }
  const operating = current?.phase === 'operating';
  if (operating && current.typeGraph.digest === typeGraph.digest) return { kind: 'unchanged', generation };
  const record: SpecRecord = {
    v: 1,
    generation: generation + 1,
    phase: 'operating',
    typeGraph,
    appliedAtMs: nowMs,
  };
  return { kind: 'apply', record, change: describeChange(current?.typeGraph, typeGraph) };
};

/** null: it is disposed of, or on the way there. */
export const decideDispose = (current: SpecRecord): SpecRecord | null =>
  current.phase === 'operating' ? { ...current, phase: 'disposing' } : null;

export interface Remains {
  readonly instances: number;
  /** Child levels that still have something of their application. */
  readonly children: number;
}

/** The composition is disposed of once nothing of the application is left; null: not yet, or long since. */
export const decideDisposed = (current: SpecRecord, remains: Remains): SpecRecord | null =>
  current.phase === 'disposing' && remains.instances + remains.children === 0
    ? { ...current, phase: 'disposed' }
    : null;

export interface DeadOverride {
  readonly override: OverrideRecord;
  readonly reason: string;
}

export const canBeOverridden = (component: Component | undefined): boolean =>
  component?.kind === 'service' && !component.runOnce;

/** Overrides that hold no longer. */
export const decideOverrides = (
  typeGraph: TypeGraph,
  overrides: readonly OverrideRecord[],
  nowMs: number,
): readonly DeadOverride[] =>
  overrides.flatMap((override) => {
    const component = Object.hasOwn(typeGraph.components, override.component)
      ? typeGraph.components[override.component]
      : undefined;
    if (!canBeOverridden(component))
      return [{ override, reason: 'the composition has no such component any more' }];
    const expired = override.expiresAtMs > 0 && override.expiresAtMs <= nowMs;
    return expired ? [{ override, reason: 'it has expired' }] : [];
  });
