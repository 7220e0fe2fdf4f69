/**
 * Keeps what was learned of every component's size on every replica, and tells the leader what is new to advise, or to put
 * in force where the composition says so.
 */
import type { Component, ComponentName, InstanceSize, SizeRecord } from '@mitosis/contracts';
import type { ComponentAdvice } from './decide/level.js';
import {
  decideSize,
  isNews,
  sizeAdvice,
  stepSizing,
  type SizeAdvice,
  type SizingState,
} from './decide/sizing.js';

export interface SizeNews {
  readonly component: Component;
  readonly size: SizeAdvice;
}

export interface SizeChange extends SizeNews {
  readonly to: InstanceSize;
}

interface Known {
  readonly state: SizingState;
  /** Worked out anew when a minute has passed. */
  readonly size: SizeAdvice | null;
}

export class SizeAdvisor {
  private known: ReadonlyMap<ComponentName, Known> = new Map();
  private readonly told = new Map<ComponentName, SizeAdvice>();

  /** `sampleMs`: ten of these must have been seen. */
  constructor(private readonly sampleMs: number) {}

  observe(advice: readonly ComponentAdvice[]): void {
    this.known = new Map(
      advice.map(({ component: { name }, observation }) => {
        const before = this.known.get(name);
        const state = stepSizing(before?.state, observation, this.sampleMs);
        const same = before?.state.minutes === state.minutes && before.state.version === state.version;
        return [name, { state, size: same ? before.size : sizeAdvice(name, state) }];
      }),
    );
  }

  /** Of every component that was seen for long enough. */
  sizes(): readonly SizeAdvice[] {
    return [...this.known.values()].flatMap(({ size }) => size ?? []);
  }

  /** What has not been advised yet; marks nothing. What may be applied is not advised. */
  news(advice: readonly ComponentAdvice[]): readonly SizeNews[] {
    return advice.flatMap(({ component }) => {
      if (component.sizing?.mode === 'apply') return [];
      const size = this.known.get(component.name)?.size ?? null;
      return size !== null && isNews(size, component, this.told.get(component.name))
        ? [{ component, size }]
        : [];
    });
  }

  /** What is to be put in force now. */
  changes(
    advice: readonly ComponentAdvice[],
    records: ReadonlyMap<string, SizeRecord>,
    nowMs: number,
  ): readonly SizeChange[] {
    return advice.flatMap(({ component }) => {
      const size = this.known.get(component.name)?.size ?? null;
      const to = size && decideSize(component, size, records.get(component.name), nowMs);
      return size === null || to === null ? [] : [{ component, size, to }];
    });
  }

  /** They have been recorded. */
  tell(news: readonly SizeNews[]): void {
    for (const { size } of news) this.told.set(size.component, size);
  }
}
