/** Never fewer because of missing data: neither instances below the minimum, nor a target below what the load needs. */
import { KEYS, type InstanceRecord } from '@mitosis/contracts';
import { WEB_RPS } from '../level/composition.js';
import type { Invariant } from './invariant.js';
import { putsOf } from './writes.js';

export const keepsMinimum: Invariant = {
  summary: 'an instance that serves well leaves only when the minimum of its component stays ready',
  watch: (level, fail) => {
    const before = new Map<string, InstanceRecord>();
    for (const record of level.records('instances')) before.set(record.id, record);
    return {
      onTxn: (seen) => {
        for (const { value } of putsOf(seen, 'instances')) {
          const was = before.get(value.id);
          before.set(value.id, value);
          const leaves = value.phase === 'draining' || value.phase === 'stopping';
          if (!leaves || was?.phase !== 'ready' || value.class === 'management') continue;
          const app = level.apps().find(({ id }) => id === value.id);
          if (app === undefined || value.reason.includes('probe')) continue;
          const spec = level.record('spec', KEYS.spec)?.typeGraph.components[value.component];
          if (spec?.exclusive === true) continue;
          const ready = level
            .records('instances')
            .filter(({ component, phase }) => component === value.component && phase === 'ready').length;
          const min = spec?.scale.min ?? Infinity;
          if (ready < min)
            fail(`${value.id} leaves (${value.reason}): ${ready} stay ready, ${min} is the least`);
        }
      },
      onStoreReplaced: () => before.clear(),
    };
  },
};

/** Shorter than this nothing can be known of a load. */
const WINDOW_MS = 8_000;
const SLACK = 0.75;

export const holdsLoad: Invariant = {
  summary: 'a target never falls below what the requests that arrive need',
  watch: (level, fail) => {
    let before = 0;
    return {
      onTxn: (seen) => {
        for (const { name, value } of putsOf(seen, 'targets')) {
          if (name !== 'web') continue;
          const needed = Math.floor((level.traffic.leastArriving(WINDOW_MS) * SLACK) / WEB_RPS);
          if (value.count < before && value.count < needed)
            fail(`the target of web falls from ${before} to ${value.count}: the load needs ${needed}`);
          before = value.count;
        }
      },
      onStoreReplaced: () => (before = 0),
    };
  },
};
