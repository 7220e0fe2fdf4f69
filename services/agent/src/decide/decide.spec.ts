/** The agent's rules as sentences. */
import { compareEpochs, ZERO_EPOCH, type Epoch } from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideEtcdRecovery, type EtcdMember } from './etcd-recovery.js';
import { decideEtcdUpkeep, hasRoom } from './etcd-upkeep.js';
import { judgeAct } from './fence.js';
import { isSafeName, isWithin } from './names.js';
import { PORT_REST_MS, portCandidates, restPorts } from './ports.js';
import { decideRestart } from './restart.js';
import { addressEnvironment, fillTemplate } from './template.js';
import { keptTombstones, type Tombstone } from './tombstones.js';
import { INITIAL_PROBE_STATE, nextProbeMs, takeProbeResult } from './verdict.js';

const anEpoch = fc.record({ incarnation: fc.nat(4), revision: fc.nat(4) });
const header = (epoch: Epoch | undefined) => ({
  level: 'shop',
  epoch,
  function: 'health',
  replica: 'r',
  decision: '',
});

describe(judgeAct, () => {
  it('never lets an older epoch follow a newer one, in any order of acts', () => {
    fc.assert(
      fc.property(fc.array(anEpoch, { maxLength: 30 }), (acts) => {
        let highest = ZERO_EPOCH;
        for (const epoch of acts) {
          const verdict = judgeAct(highest, header(epoch));
          expect(verdict.kind).toBe(compareEpochs(epoch, highest) < 0 ? 'refused' : 'accepted');
          if (verdict.kind !== 'accepted') continue;
          expect(verdict.raised).toBe(compareEpochs(epoch, highest) > 0);
          highest = verdict.highest;
        }
      }),
    );
  });

  it('names both epochs and the sender when it refuses, and rejects what names none', () => {
    const verdict = judgeAct({ incarnation: 2, revision: 1 }, header({ incarnation: 1, revision: 9 }));
    expect(verdict).toMatchObject({
      kind: 'refused',
      reason: expect.stringMatching(/1\.9.*2\.1.*health of r/) as string,
    });
    expect(judgeAct(ZERO_EPOCH, undefined).kind).toBe('invalid');
    expect(judgeAct(ZERO_EPOCH, header(undefined)).kind).toBe('invalid');
  });
});

describe(decideRestart, () => {
  const restart = { enabled: true, backoffMinMs: 50, backoffMaxMs: 5_000, resetAfterMs: 10_000 };

  it('waits twice as long after each end in a row, up to the maximum', () => {
    const delays: number[] = [];
    let failures = 0;
    for (let i = 0; i < 9; i += 1) {
      const decision = decideRestart({ restart, failures, healthyForMs: 0 });
      if (decision.kind === 'stay') throw new Error('stays');
      delays.push(decision.delayMs);
      ({ failures } = decision);
    }
    expect(delays).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('begins anew after it was well for long enough', () => {
    expect(decideRestart({ restart, failures: 8, healthyForMs: 9_999 })).toMatchObject({ delayMs: 5_000 });
    expect(decideRestart({ restart, failures: 8, healthyForMs: 10_000 })).toMatchObject({
      delayMs: 50,
      failures: 1,
    });
  });

  it('only reports the end of what is not to be restarted', () => {
    expect(decideRestart({ restart: undefined, failures: 0, healthyForMs: 0 }).kind).toBe('stay');
    expect(
      decideRestart({ restart: { ...restart, enabled: false }, failures: 0, healthyForMs: 0 }).kind,
    ).toBe('stay');
  });
});

describe(portCandidates, () => {
  const range = { first: 100, last: 109 };
  const all = (input: Partial<Parameters<typeof portCandidates>[0]>): number[] => [
    ...portCandidates({
      range,
      taken: new Set(),
      resting: [],
      owner: 'shop/web',
      cursor: 0,
      nowMs: 0,
      ...input,
    }),
  ];

  it('goes round from the cursor and leaves out what is in use', () => {
    expect(all({ cursor: 8, taken: new Set([109, 101]) })).toEqual([108, 100, 102, 103, 104, 105, 106, 107]);
  });

  it('never offers a port in use or resting for another component, and each at most once', () => {
    const resting = fc.record({
      port: fc.integer({ min: 100, max: 109 }),
      owner: fc.constantFrom('a', 'b'),
      untilMs: fc.nat(20),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 95, max: 115 })),
        fc.array(resting),
        fc.nat(),
        fc.nat(20),
        (used, rests, cursor, nowMs) => {
          const offered = all({ taken: new Set(used), resting: rests, owner: 'a', cursor, nowMs });
          expect(new Set(offered).size).toBe(offered.length);
          for (const port of offered) {
            expect(used).not.toContain(port);
            expect(rests.some((one) => one.port === port && one.owner !== 'a' && one.untilMs > nowMs)).toBe(
              false,
            );
          }
        },
      ),
    );
  });

  it('keeps a port from others for ten minutes after its release, not from its own component', () => {
    const resting = restPorts([], [103], 'shop/web', 1_000);
    expect(PORT_REST_MS).toBe(600_000);
    expect(all({ resting, nowMs: 600_999, owner: 'shop/api' })).not.toContain(103);
    expect(all({ resting, nowMs: 600_999, owner: 'shop/web' })).toContain(103);
    expect(all({ resting, nowMs: 601_000, owner: 'shop/api' })).toContain(103);
    // Forgotten when over, so the list is bounded by what ten minutes can release.
    expect(restPorts(resting, [], 'x', 601_000)).toEqual([]);
  });
});

describe(fillTemplate, () => {
  const values = {
    id: 'web-1',
    host: '127.0.0.1',
    data: '/d',
    incarnation: '3',
    ports: { grpc: 20_001, '8080': 20_002 },
  };

  it('fills what only the agent knows', () => {
    expect(
      fillTemplate('--l=http://{{host}}:{{port:grpc}} {{port:8080}} {{data}}/{{id}}.{{incarnation}}', values),
    ).toBe('--l=http://127.0.0.1:20001 20002 /d/web-1.3');
  });

  it('leaves everything else in braces to its owner, also what only a birth knows', () => {
    const text = '{{ id }} {{name}} {{port:none}} {{etcd}} {{constructor}} ${{x}}';
    expect(fillTemplate(text, values)).toBe(text);
    expect(fillTemplate('{{etcd}}', { ...values, etcd: 'http://a' })).toBe('http://a');
  });

  it('tells an instance its ports', () => {
    const ports = [
      { name: '8080', fixed: 0 },
      { name: 'admin-x', fixed: 0 },
    ];
    expect(addressEnvironment(ports, { '8080': 1, 'admin-x': 2 }, 'h')).toEqual({
      HOST: 'h',
      PORT: '1',
      PORT_8080: '1',
      PORT_ADMIN_X: '2',
    });
  });
});

describe(takeProbeResult, () => {
  const probe = { retries: 3, startPeriodMs: 1_000, intervalMs: 5_000, startIntervalMs: 100 };
  const after = (results: readonly (readonly [boolean, number])[]) =>
    results.reduce(
      (state, [ok, sinceStartMs]) => takeProbeResult(state, probe, { ok, sinceStartMs }),
      INITIAL_PROBE_STATE,
    );

  it('does not count failures of the start period until a first success', () => {
    expect(
      after([
        [false, 0],
        [false, 300],
        [false, 600],
        [false, 900],
      ]).health,
    ).toBe('unknown');
    expect(
      after([
        [true, 0],
        [false, 300],
        [false, 600],
        [false, 900],
      ]).health,
    ).toBe('unhealthy');
  });

  it('is unhealthy only after so many failures in a row, and well again after one success', () => {
    expect(
      after([
        [true, 0],
        [false, 2e3],
        [false, 3e3],
        [true, 4e3],
        [false, 5e3],
        [false, 6e3],
      ]).health,
    ).toBe('healthy');
    expect(
      after([
        [false, 2e3],
        [false, 3e3],
        [false, 4e3],
      ]).health,
    ).toBe('unhealthy');
    expect(
      after([
        [false, 2e3],
        [false, 3e3],
        [false, 4e3],
        [true, 5e3],
      ]).health,
    ).toBe('healthy');
  });

  it('probes fast until the first success', () => {
    expect(nextProbeMs(INITIAL_PROBE_STATE, probe)).toBe(100);
    expect(nextProbeMs(after([[true, 0]]), probe)).toBe(5_000);
  });
});

describe(keptTombstones, () => {
  const stone = (id: string, revision: number): Tombstone => ({ id, epoch: { incarnation: 1, revision } });

  it('forgets only the oldest, and only those whose starts the fence refuses anyway', () => {
    const all = [stone('a', 1), stone('b', 5), stone('c', 1), stone('d', 1)];
    expect(keptTombstones(all, { incarnation: 1, revision: 5 }, 1).map(({ id }) => id)).toEqual(['b', 'd']);
    expect(keptTombstones(all, { incarnation: 1, revision: 1 }, 1)).toEqual(all);
    expect(keptTombstones(all, { incarnation: 9, revision: 0 }, 10)).toEqual(all);
  });
});

describe(decideEtcdUpkeep, () => {
  const MB = 1_000_000;
  const space = { sizeBytes: 60 * MB, inUseBytes: 10 * MB, quotaBytes: 100 * MB, full: false };

  it('gives space back long before the quota, but only where much of it is free', () => {
    expect(decideEtcdUpkeep(space).kind).toBe('defragment');
    expect(decideEtcdUpkeep({ ...space, inUseBytes: 40 * MB }).kind).toBe('nothing');
    expect(decideEtcdUpkeep({ ...space, sizeBytes: 40 * MB }).kind).toBe('nothing');
  });

  it('makes room in a store that ran full, and lets the alarm end only when there is some', () => {
    expect(decideEtcdUpkeep({ ...space, inUseBytes: 60 * MB, full: true }).kind).toBe('relieve');
    expect(hasRoom({ sizeBytes: 20 * MB, quotaBytes: 100 * MB })).toBe(true);
    expect(hasRoom({ sizeBytes: 99 * MB, quotaBytes: 100 * MB })).toBe(false);
  });
});

describe(decideEtcdRecovery, () => {
  const member = (id: string, more: Partial<EtcdMember> = {}): EtcdMember => ({
    id,
    fastExits: 4,
    hasData: true,
    output: 'panic: freepages: failed to get all reachable pages',
    ...more,
  });

  it('gives a cluster up when most of its members fail for no reason of the surroundings', () => {
    expect(decideEtcdRecovery([member('a')]).kind).toBe('recover');
    expect(decideEtcdRecovery([member('a'), member('b'), member('c', { fastExits: 0 })]).kind).toBe(
      'recover',
    );
  });

  it('leaves a cluster alone of which most members are on other hosts', () => {
    expect(decideEtcdRecovery([member('a')], 3).kind).toBe('wait');
    expect(decideEtcdRecovery([member('a'), member('b')], 3).kind).toBe('recover');
  });

  it('waits while a majority is well, while it is early, and when moving data would not help', () => {
    expect(decideEtcdRecovery([]).kind).toBe('wait');
    expect(
      decideEtcdRecovery([member('a'), member('b', { fastExits: 0 }), member('c', { fastExits: 3 })]).kind,
    ).toBe('wait');
    expect(decideEtcdRecovery([member('a', { hasData: false })]).kind).toBe('wait');
    expect(
      decideEtcdRecovery([member('a', { output: 'listen tcp: bind: address already in use' })]),
    ).toMatchObject({
      kind: 'wait',
      reason: 'a: address already in use',
    });
  });
});

describe('names', () => {
  it('never lead out of the state directory', () => {
    for (const name of ['', '.', '..', '.x', 'a/b', '../a', 'a..b', 'a b', '-x', 'x'.repeat(300)])
      expect(isSafeName(name)).toBe(false);
    for (const name of ['shop', 'shop.catalog', 'web-1a', 'A_b.c-9']) expect(isSafeName(name)).toBe(true);
  });

  it('of a level cover its children and nothing beside it', () => {
    expect([
      isWithin('shop', 'shop'),
      isWithin('shop', 'shop.a.b'),
      isWithin('shop', 'shopping'),
      isWithin('shop.a', 'shop'),
    ]).toEqual([true, true, false, false]);
  });
});
