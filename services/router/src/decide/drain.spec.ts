import { instanceId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { busyInstances, decideAck } from './drain.js';

const ME = instanceId('router-1');

describe(busyInstances.name, () => {
  it('names instances that get no new request while one of their addresses still has one', () => {
    expect(
      busyInstances([
        { instance: 'b', inFlight: 0, serving: false },
        { instance: 'b', inFlight: 1, serving: false },
        { instance: 'a', inFlight: 2, serving: false },
        { instance: 'ready', inFlight: 5, serving: true },
        { instance: '', inFlight: 5, serving: false },
      ]),
    ).toEqual(['a', 'b']);
  });
});

describe(decideAck.name, () => {
  it('publishes when the revision or the busy set changed, and only then', () => {
    const first = decideAck(undefined, ME, 7, [instanceId('a')]);
    expect(first).toEqual({ v: 1, replica: 'router-1', revision: 7, busy: ['a'] });
    expect(decideAck(first, ME, 7, [instanceId('a')])).toBeUndefined();
    expect(decideAck(first, ME, 8, [instanceId('a')])?.revision).toBe(8);
    expect(decideAck(first, ME, 7, [])?.busy).toEqual([]);
  });
});
