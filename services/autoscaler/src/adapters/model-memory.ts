/**
 * What was learned, in the store: read where a replica knows nothing of a component, written by the leader about once a minute.
 * Must never make a pass wait for it, nor let a record that is none harm a decision.
 */
import { KEYS, type Component, type TypeGraph } from '@mitosis/contracts';
import type { View, WriteOp } from '@mitosis/coordination';
import { CHECKPOINT_MS, checkpointOf, rememberedOf, withRemembered } from '../decide/checkpoint.js';
import type { LevelState } from '../decide/level.js';
import { scaledComponents } from '../decide/level-input.js';
import { pluginFor } from '../plugins/index.js';

const keyOf = (component: string): string => KEYS.fact('autoscaler', `model/${component}`);
const PREFIX = keyOf('');

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

export class ModelMemory {
  private lastMs = 0;
  private next = 0;

  /** `facts`: view of the autoscaler's own. */
  constructor(private readonly facts: View) {}

  /** The state with what is kept of components of which it knows nothing; itself where that is none. */
  recall(state: LevelState, typeGraph: TypeGraph, nowMs: number): LevelState {
    const unknown = scaledComponents(typeGraph).filter(({ name }) => !Object.hasOwn(state.components, name));
    if (unknown.length === 0) return state;
    return withRemembered(
      state,
      unknown.flatMap((component) => this.kept(component, nowMs) ?? []),
    );
  }

  /** What is to be written now; nothing before a minute has passed since the last time, or since the term began. */
  due(state: LevelState, typeGraph: TypeGraph, nowMs: number): readonly WriteOp[] {
    if (this.lastMs === 0 || nowMs < this.lastMs) this.lastMs = nowMs;
    if (nowMs - this.lastMs < CHECKPOINT_MS) return [];
    this.lastMs = nowMs;
    const components = scaledComponents(typeGraph);
    const { records, next } = checkpointOf(state, components, this.next, nowMs);
    this.next = next;
    const names = new Set(components.map(({ name }) => keyOf(name)));
    const gone = [...this.facts.entries.keys()].filter((key) => key.startsWith(PREFIX) && !names.has(key));
    return [
      ...records.map(({ component, value }): WriteOp => ({ kind: 'put', key: keyOf(component), value })),
      ...gone.map((key): WriteOp => ({ kind: 'delete', key })),
    ];
  }

  private kept(component: Component, nowMs: number): ReturnType<typeof rememberedOf> {
    const entry = this.facts.get(keyOf(component.name));
    if (entry === undefined) return null;
    return rememberedOf(parsed(entry.value), component, pluginFor(component.policy).initial(), nowMs);
  }
}
