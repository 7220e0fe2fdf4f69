import { MitosisError } from '@mitosis/contracts';
import type { Peers } from '@mitosis/service-kit';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostCapacities } from './host-capacities.js';

const AGENT = '10.0.0.1:7070';

describe('what a placer knows of a silent agent', () => {
  let nowMs: number;
  let answers: boolean;
  let hosts: HostCapacities;

  beforeEach(() => {
    nowMs = 1_000_000;
    answers = true;
    const peers = {
      call: async () => {
        if (!answers) throw new MitosisError('unavailable', 'no answer');
        return { cpus: 4, memoryBytes: 1_000, drivers: [] };
      },
    } as unknown as Peers;
    hosts = new HostCapacities(
      peers,
      () => nowMs,
      () => undefined,
    );
  });

  const silentMs = (): number | undefined => {
    const since = hosts.get().get(AGENT)?.silentSinceMs;
    return since === null || since === undefined ? undefined : nowMs - since;
  };
  /** As a leader does: an ask every two seconds. */
  const lead = async (forMs: number): Promise<void> => {
    for (const endMs = nowMs + forMs; nowMs < endMs; nowMs += 2_000) {
      hosts.ask([AGENT], true);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  it('counts from the first ask that failed', async () => {
    await lead(4_000);
    answers = false;
    await lead(40_000);
    expect(silentMs()).toBeGreaterThanOrEqual(38_000);
    answers = true;
    await lead(4_000);
    expect(silentMs()).toBeUndefined();
  });

  it('knows nothing of the time in which it did not ask, after it had led while it was cut off', async () => {
    await lead(4_000);
    answers = false;
    await lead(6_000);
    // Another led meanwhile, or the process stood still.
    nowMs += 60_000;
    expect(hosts.get().has(AGENT)).toBe(false);
    await lead(4_000);
    expect(silentMs()).toBeLessThanOrEqual(4_000);
  });
});
