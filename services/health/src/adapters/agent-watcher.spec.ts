import { agent, siteId } from '@mitosis/contracts';
import { VirtualClock } from '@mitosis/coordination';
import { FakePeers } from '@mitosis/service-kit/testing';
import { describe, expect, it } from 'vitest';
import { AgentWatcher } from './agent-watcher.js';

const SITE = siteId('far');
const ADDRESS = 'far:1';

const setUp = () => {
  const clock = new VirtualClock();
  const peers = new FakePeers();
  peers.answer('agent', 'hello', () => agent.AgentInfo.fromPartial({ host: '127.0.0.2' }));
  const watcher = new AgentWatcher({
    level: 'shop',
    peers,
    clock,
    nowMs: () => clock.wallMs(),
    onChange: () => undefined,
  });
  watcher.watch(new Map([[SITE, ADDRESS]]));
  const silentMs = (): number | undefined => {
    const sinceMs = watcher.observations().get(SITE)?.silentSinceMs;
    return sinceMs === undefined ? undefined : clock.wallMs() - sinceMs;
  };
  const sync = (): void => {
    peers.push('agent', ADDRESS, 'watch', { event: { $case: 'synced', value: true } });
  };
  return { clock, watcher, silentMs, sync };
};

describe(AgentWatcher.name, () => {
  it('counts how long an agent that was never heard has been silent, until it is', async () => {
    const { clock, watcher, silentMs, sync } = setUp();
    await clock.advance(40_000);
    expect(silentMs()).toBe(40_000);
    sync();
    expect(silentMs()).toBeUndefined();
    watcher.close();
  });

  it.each([
    ['stood still', (clock: VirtualClock) => clock.stall(60_000)],
    ['was suspended with its machine', (clock: VirtualClock) => clock.suspend(60_000)],
  ])('takes no time for silence in which this process %s', async (_, happens) => {
    const { clock, watcher, silentMs } = setUp();
    await clock.advance(4_000);
    happens(clock);
    await clock.advance(2_000);
    expect(silentMs()).toBeLessThan(8_000);
    await clock.advance(30_000);
    expect(silentMs()).toBeGreaterThan(30_000);
    watcher.close();
  });
});
