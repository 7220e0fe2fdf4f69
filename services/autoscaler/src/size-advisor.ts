/**
 * Keeps what was learned of every component's size on every replica, and tells the leader what is new to advise. Must
 * never change a size itself: it is the composition's.
 */
import type { Component, ComponentName } from '@mitosis/contracts';
import type { ComponentAdvice } from './decide/level.js';
import { isNews, sizeAdvice, stepSizing, type SizeAdvice, type SizingState } from './decide/sizing.js';

export interface SizeNews {
  readonly component: Component;
  readonly size: SizeAdvice;
}

interface Known {
  readonly state: SizingState;
  /** Worked out anew when a minute has passed. */
  readonly size: SizeAdvice | null;
}

export class SizeAdvisor {
  private known: ReadonlyMap<ComponentName, Known> = new Map();
  private readonly told = new Map<ComponentName, SizeAdvice>();

  observe(advice: readonly ComponentAdvice[]): void {
    this.known = new Map(
      advice.map(({ component: { name }, observation }) => {
        const before = this.known.get(name);
        const state = stepSizing(before?.state, observation);
        const same = before?.state.minutes === state.minutes && before.state.version === state.version;
        return [name, { state, size: same ? before.size : sizeAdvice(name, state) }];
      }),
    );
  }

  /** Of every component that was seen for long enough. */
  sizes(): readonly SizeAdvice[] {
    return [...this.known.values()].flatMap(({ size }) => size ?? []);
  }

  /** What has not been advised yet; marks nothing. */
  news(advice: readonly ComponentAdvice[]): readonly SizeNews[] {
    return advice.flatMap(({ component }) => {
      const size = this.known.get(component.name)?.size ?? null;
      return size !== null && isNews(size, component, this.told.get(component.name))
        ? [{ component, size }]
        : [];
    });
  }

  /** They have been recorded. */
  tell(news: readonly SizeNews[]): void {
    for (const { size } of news) this.told.set(size.component, size);
  }
}
