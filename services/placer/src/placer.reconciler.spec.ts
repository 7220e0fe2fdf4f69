import { agent, KEYS, siteId, type PlacementRecord, type SiteRecord } from '@mitosis/contracts';
import { FakePeers, ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { component, specOf, target } from './decide/fixtures.testing.js';
import { PlacerReconciler } from './placer.reconciler.js';

const open: ShellHarness[] = [];
afterEach(async () => {
  for (const harness of open.splice(0)) await harness.close();
});

const begin = async (): Promise<{
  readonly harness: ShellHarness;
  readonly reconciler: PlacerReconciler;
}> => {
  const reconciler = new PlacerReconciler();
  const peers = new FakePeers();
  peers.answer('agent', 'hello', () => agent.AgentInfo.fromPartial({ cpus: 2, memoryBytes: 4e9 }));
  const harness = await ShellHarness.open({
    shell: reconciler,
    peers,
    env: { MITOSIS_AGENT: 'unix:/a' },
  });
  open.push(harness);
  await harness.put(KEYS.spec, specOf([component('web')]).value);
  return { harness, reconciler };
};

const placed = async (harness: ShellHarness): Promise<PlacementRecord | undefined> => {
  await harness.pass();
  return harness.get<PlacementRecord>(KEYS.placement('web'));
};

describe(PlacerReconciler.name, () => {
  it('writes this machine as a site and answers targets, then rests', async () => {
    const { harness } = await begin();
    await harness.put(KEYS.target('web'), target('web', 2).value);
    await vi.waitFor(async () => expect((await placed(harness))?.counts).toEqual({ local: 2 }));
    expect(await harness.get<SiteRecord>(KEYS.site('local'))).toMatchObject({ cpus: 2, agent: 'unix:/a' });
    const { revision } = harness.etcd;
    for (let pass = 0; pass < 3; pass += 1) expect((await harness.pass()).kind).toBe('idle');
    expect(harness.etcd.revision).toBe(revision);
  });

  it('takes a budget only as leader, and tells what is used', async () => {
    const { harness, reconciler } = await begin();
    const budget = [
      {
        site: siteId('local'),
        driver: 'process' as const,
        agent: 'unix:/a',
        cpus: 1,
        memoryBytes: 1e9,
        zone: '',
        pricePerCpuHour: 0,
      },
    ];
    expect(() => reconciler.setBudget(budget)).toThrow('nobody leads placer');
    await harness.put(KEYS.target('web'), target('web', 2).value);
    await harness.pass();
    reconciler.setBudget(budget);
    expect(harness.nudges).toBeGreaterThan(0);
    await vi.waitFor(async () => expect((await placed(harness))?.counts).toEqual({ local: 2 }));
    expect(await harness.get<SiteRecord>(KEYS.site('local'))).toMatchObject({ cpus: 1 });
    const [use] = reconciler.uses().uses;
    expect(use?.site).toBe('local');
    expect(use?.cpus).toBeCloseTo(0.1);
  });

  it('decides nothing when paused, and applies nothing when it advises', async () => {
    const { harness } = await begin();
    await harness.put(KEYS.target('web'), target('web', 2).value);
    await harness.pass('paused');
    await vi.waitFor(async () => {
      await harness.pass('advise');
      expect(await harness.decisions()).toMatchObject([{ action: 'place', applied: false }]);
    });
    expect(await harness.get(KEYS.placement('web'))).toBeUndefined();
  });
});
