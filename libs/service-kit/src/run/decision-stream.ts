/** Decisions of all functions as one stream, oldest first; with `follow` the new ones as they are committed. */
import { KEYS, PREFIXES, type DecisionRecord } from '@mitosis/contracts';
import type { KeyValue, Store, View } from '@mitosis/coordination';
import { Observable, type Subscriber } from 'rxjs';
import type { DecisionQuery } from '../edge/process-state.js';

export const decisionStream = (store: Store, query: DecisionQuery): Observable<DecisionRecord> =>
  new Observable((subscriber) => {
    const prefix = query.function === undefined ? PREFIXES.decisions : KEYS.decisions(query.function);
    if (query.follow) return follow(store.view(prefix), query, subscriber);
    void list(store, prefix, query, subscriber);
    return undefined;
  });

const list = async (
  store: Store,
  prefix: string,
  query: DecisionQuery,
  subscriber: Subscriber<DecisionRecord>,
): Promise<void> => {
  try {
    const { entries } = await store.list(prefix);
    for (const record of select(entries, query)) subscriber.next(record);
    subscriber.complete();
  } catch (error) {
    subscriber.error(error);
  }
};

const follow = (view: View, query: DecisionQuery, subscriber: Subscriber<DecisionRecord>): (() => void) => {
  let seenRevision = 0;
  const emit = (): void => {
    const news = [...view.entries.values()].filter((entry) => entry.createRevision > seenRevision);
    const limit = seenRevision === 0 ? query.limit : Infinity;
    for (const record of select(news, { ...query, limit })) subscriber.next(record);
    seenRevision = Math.max(seenRevision, ...news.map((entry) => entry.createRevision));
  };
  const unsubscribe = view.onChange(emit);
  if (view.synced) emit();
  return () => {
    unsubscribe();
    view.close();
  };
};

/** The last `limit` that match, in the order of their commits. */
export const select = (
  entries: readonly KeyValue[],
  { component, limit }: Pick<DecisionQuery, 'component' | 'limit'>,
): readonly DecisionRecord[] => {
  const matching = [...entries]
    .sort((a, b) => a.createRevision - b.createRevision || (a.key < b.key ? -1 : 1))
    .map((entry) => JSON.parse(entry.value) as DecisionRecord)
    .filter((record) => component === '' || record.component === component);
  return limit < matching.length ? matching.slice(matching.length - limit) : matching;
};
