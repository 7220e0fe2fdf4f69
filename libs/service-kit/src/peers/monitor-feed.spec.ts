import { instanceId, levelId, type monitor } from '@mitosis/contracts';
import { systemClock } from '@mitosis/coordination';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakePeers } from '../testing/fake-peers.testing.js';
import { MonitorFeed } from './monitor-feed.js';

const OWN = '127.0.0.1:1';
const OTHER = '127.0.0.1:2';
const snapshot = (atMs: number): monitor.LevelSnapshot => ({
  level: levelId('shop'),
  atMs,
  complete: true,
  components: [],
});
const leaderAt = (address: string) => ({
  replica: instanceId('m'),
  address,
  epoch: { incarnation: 1, revision: 1 },
});

describe(MonitorFeed.name, () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const feedFor = (peers: FakePeers, functions: readonly ('monitor' | 'autoscaler')[], clock = { ms: 0 }) => {
    const seen: number[] = [];
    const feed = new MonitorFeed({
      peers,
      address: OWN,
      functions,
      onSnapshot: ({ atMs }) => seen.push(atMs),
      clock: { ...systemClock, monotonicMs: () => clock.ms },
    });
    feed.start();
    return { feed, seen, clock };
  };

  it('listens to the monitor of its own process when there is one', () => {
    const peers = new FakePeers();
    peers.setLeader('monitor', leaderAt(OTHER));
    const { feed } = feedFor(peers, ['monitor', 'autoscaler']);
    expect(peers.streamsOpen('monitor', 'watch')).toEqual([OWN]);
    feed.stop();
    expect(peers.streamsOpen('monitor', 'watch')).toEqual([]);
  });

  it('follows the leader otherwise, also when it changes', () => {
    const peers = new FakePeers();
    const { feed, seen } = feedFor(peers, ['autoscaler']);
    expect(peers.streamsOpen('monitor', 'watch')).toEqual([]);
    peers.setLeader('monitor', leaderAt(OTHER));
    vi.advanceTimersByTime(500);
    expect(peers.streamsOpen('monitor', 'watch')).toEqual([OTHER]);
    peers.push('monitor', OTHER, 'watch', snapshot(7));
    peers.setLeader('monitor', leaderAt('127.0.0.1:3'));
    vi.advanceTimersByTime(500);
    expect(peers.streamsOpen('monitor', 'watch')).toEqual(['127.0.0.1:3']);
    expect(seen).toEqual([7]);
    feed.stop();
  });

  it('has no snapshot before the first and after three seconds of silence', () => {
    const peers = new FakePeers();
    const { feed, clock } = feedFor(peers, ['monitor']);
    expect(feed.latest()).toBeNull();
    peers.push('monitor', OWN, 'watch', snapshot(1));
    clock.ms = 3_000;
    expect(feed.latest()?.atMs).toBe(1);
    clock.ms = 3_001;
    expect(feed.latest()).toBeNull();
    feed.stop();
  });
});
