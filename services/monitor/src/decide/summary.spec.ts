import { describe, expect, it } from 'vitest';
import { decideSnapshot } from './snapshot.js';
import { agentSample, bySource, inputOf, NOW_MS, routerSample } from './snapshot.testing.js';
import { decideSummary, type SummaryInput } from './summary.js';

const snapshot = decideSnapshot(
  inputOf({
    routers: bySource(
      [routerSample('a', 100, [{ component: 'web', requests: 9, target: 'web-1' }])],
      (s) => s.router,
    ),
    agents: bySource(
      [
        agentSample('h', 100, [
          { id: 'web-1', cpuCores: 0.5, memoryBytes: 100 },
          { id: 'm-1', cpuCores: 0.1, memoryBytes: 50 },
        ]),
      ],
      (s) => s.agent,
    ),
    componentOf: new Map([
      ['web-1', 'web'],
      ['m-1', 'mitosis-manager'],
    ]),
  }),
);

const summaryOf = (over: Partial<SummaryInput> = {}): ReturnType<typeof decideSummary> =>
  decideSummary({ snapshot, entry: 'web', instances: [], children: [], ...over });

describe(decideSummary.name, () => {
  it('is the entry’s requests and everyone’s resources, without the single targets', () => {
    const summary = summaryOf({ instances: [{ component: 'web', cpus: 0, pricePerCpuHour: 0 }] });
    expect(summary).toMatchObject({ level: 'shop', known: true, memoryBytes: 150, instances: 1 });
    expect(summary.cpuCores).toBeCloseTo(0.6);
    expect(summary.entry?.last1?.rate).toBe(9);
    expect(summary.entry?.targets).toEqual([]);
  });

  it('does not claim to know a level without an entry', () => {
    expect(summaryOf({ entry: null })).toMatchObject({ known: false, entry: undefined });
  });

  it('prices what is reserved, and what is used where nothing is reserved', () => {
    const summary = summaryOf({
      instances: [
        { component: 'web', cpus: 2, pricePerCpuHour: 0.1 },
        { component: 'web', cpus: 0, pricePerCpuHour: 0.1 },
      ],
    });
    expect(summary.costPerHour).toBeCloseTo(0.25);
  });

  it('adds its children’s instances and cost, as long as their answers are fresh', () => {
    const child = {
      level: 'shop.catalog',
      atMs: NOW_MS,
      known: true,
      entry: undefined,
      cpuCores: 1,
      memoryBytes: 1,
      instances: 4,
      costPerHour: 2,
    };
    const at = (receivedAtMs: number): number =>
      summaryOf({ children: [{ receivedAtMs, summary: child }] }).instances;
    expect(at(NOW_MS)).toBe(4);
    expect(at(NOW_MS - 60_000)).toBe(0);
  });
});
