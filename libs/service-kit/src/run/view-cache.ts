/** One view per prefix for the whole process, kept warm, closed with the process. */
import type { Store, View } from '@mitosis/coordination';

export class ViewCache {
  private readonly views = new Map<string, View>();

  constructor(private readonly store: Store) {}

  readonly view = (prefix: string): View => {
    let view = this.views.get(prefix);
    if (view === undefined) {
      view = this.store.view(prefix);
      this.views.set(prefix, view);
    }
    return view;
  };

  all(): readonly View[] {
    return [...this.views.values()];
  }

  close(): void {
    for (const view of this.views.values()) view.close();
    this.views.clear();
  }
}

/** Parsed entries of a view, made anew only when the view changed. */
export const parsedView = <T>(view: View, parse: (value: string) => T): (() => readonly T[]) => {
  let seen: View['entries'] | undefined;
  let parsed: readonly T[] = [];
  return () => {
    if (view.entries !== seen) {
      seen = view.entries;
      parsed = [...seen.values()].map((entry) => parse(entry.value));
    }
    return parsed;
  };
};
