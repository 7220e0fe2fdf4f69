/** All bindings of a level: one look at each, and what has to be written. */
import type { BindingRecord, Component, ControlMode, TypeGraph } from '@mitosis/contracts';
import { decideBinding, type BindingChange } from './binding.js';
import { EMPTY_BINDING, observeBinding, type BindingState } from './binding-state.js';
import type { Sample } from './verdict.js';

export interface BindingsInput {
  readonly typeGraph: TypeGraph;
  readonly records: ReadonlyMap<string, BindingRecord>;
  /** By component, then by alternative; null: the monitor is silent. */
  readonly samples: ReadonlyMap<string, ReadonlyMap<string, Sample>> | null;
  readonly ready: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

export type BindingStates = Readonly<Record<string, BindingState>>;

export interface ComponentChange {
  readonly component: Component;
  readonly change: BindingChange;
  readonly before: BindingRecord | null;
  readonly applied: boolean;
}

export interface BindingsPlan {
  readonly changes: readonly ComponentChange[];
  /** Components with a binding that are wanted no more. */
  readonly removed: readonly BindingRecord[];
  /** What was advised last by component, so that the same advice is not recorded every second. */
  readonly advised: ReadonlyMap<string, string>;
}

const bindingComponents = (typeGraph: TypeGraph): readonly Component[] =>
  Object.values(typeGraph.components).filter(({ kind }) => kind === 'binding');

const stateFor = (states: BindingStates, name: string): BindingState =>
  (Object.hasOwn(states, name) ? states[name] : undefined) ?? EMPTY_BINDING;

const lookOf = (input: BindingsInput, component: Component) => ({
  component,
  record: input.records.get(component.name) ?? null,
  samples: input.samples === null ? null : (input.samples.get(component.name) ?? new Map<string, Sample>()),
  ready: input.ready,
  nowMs: input.nowMs,
});

/** Runs on every replica at each snapshot of the monitor. */
export const observeBindings = (states: BindingStates, input: BindingsInput): BindingStates =>
  Object.fromEntries(
    bindingComponents(input.typeGraph).map((component) => [
      component.name,
      observeBinding(stateFor(states, component.name), lookOf(input, component)),
    ]),
  );

/** Moves and trials need mode `run`; the first binding is made in every mode. */
export const decideBindings = (
  input: BindingsInput,
  states: BindingStates,
  mode: ControlMode,
  advisedBefore: ReadonlyMap<string, string>,
): BindingsPlan => {
  const all = bindingComponents(input.typeGraph).flatMap((component): readonly ComponentChange[] => {
    const change = decideBinding(lookOf(input, component), stateFor(states, component.name));
    if (change === null || (mode === 'paused' && !change.always)) return [];
    const before = input.records.get(component.name) ?? null;
    return [{ component, change, before, applied: change.always || mode === 'run' }];
  });
  // What is only advised is told for moves; trials without effect are no news.
  const told = all.filter(({ applied, change }) => applied || change.action !== 'trial');
  const advised = new Map<string, string>(
    told.filter(({ applied }) => !applied).map(({ component, change }) => [component.name, change.change]),
  );
  const changes = told.filter(
    ({ applied, component, change }) => applied || advisedBefore.get(component.name) !== change.change,
  );
  const names = new Set<string>(bindingComponents(input.typeGraph).map(({ name }) => name));
  return {
    changes,
    removed: [...input.records.values()].filter(({ component }) => !names.has(component)),
    advised,
  };
};
