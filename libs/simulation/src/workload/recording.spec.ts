import { bareComponent, bareTypeGraph, componentName } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.js';
import { Plant, type PlantComponent } from './plant.js';
import { calibrate, parseRecording, type RecordedSecond } from './recording.js';

const typeGraph = bareTypeGraph('shop', [
  bareComponent('web', {
    dependsOn: [{ component: componentName('stock'), condition: 'started', required: true, restart: false }],
  }),
  bareComponent('stock', {}),
]);

const component = (name: string, meanMs: number, calls: PlantComponent['calls']): PlantComponent => ({
  name,
  version: 'v1',
  pooled: true,
  service: { meanMs, scv: 0.3 },
  concurrency: 2,
  startMs: 4_000,
  cpuShare: 0.5,
  memoryBytes: 5e7,
  calls,
  initial: 6,
});

/** What a recorder would write of a plant whose truth is known. */
const recorded = (): string => {
  const plant = new Plant(
    {
      components: [component('web', 30, [{ to: 1, visits: 1.5 }]), component('stock', 20, [])],
      objectiveMs: 300,
      dispersion: 1,
      patienceS: 10,
      samples: 16,
      observed: true,
    },
    seededRandom(4),
  );
  const lines = Array.from({ length: 300 }, (_, second): RecordedSecond => {
    plant.step(second, 100 + (second % 100));
    const metrics = plant.metrics();
    const components = [...metrics].map(([name, { requests, usage }]) => [
      name,
      {
        rate: requests.last1?.rate ?? 0,
        meanMs: requests.last1?.meanMs ?? 0,
        p95Ms: requests.last1?.p95Ms ?? 0,
        inFlight: requests.inFlight,
        cpuCores: usage?.cpuCores ?? null,
        memoryBytes: 5e7,
        instances: 6,
      },
    ]);
    return {
      atMs: second * 1_000,
      components: Object.fromEntries(components),
      starts: second === 10 ? { web: [4_100, 3_900, 4_000] } : {},
    };
  });
  const header = { recording: 1, level: 'shop', startedAtMs: 0 };
  return `${[header, ...lines].map((line) => JSON.stringify(line)).join('\n')}\n`;
};

describe(calibrate.name, () => {
  it('finds what the recorded components are like', () => {
    const { web, stock } = calibrate(typeGraph, parseRecording('r.jsonl', recorded()));
    expect(web?.service.meanMs).toBeGreaterThan(24);
    expect(web?.service.meanMs).toBeLessThan(36);
    expect(stock?.service.meanMs).toBeGreaterThan(16);
    expect(stock?.service.meanMs).toBeLessThan(24);
    expect(stock?.service.scv).toBeGreaterThan(0.1);
    expect(stock?.service.scv).toBeLessThan(0.8);
    expect(web?.service.scv).toBeLessThan(1.2);
    expect(web?.visits.stock).toBeCloseTo(1.5, 1);
    expect(web?.startMs).toBe(4_000);
    expect(web?.cpuShare).toBeGreaterThan(0.35);
    expect(web?.cpuShare).toBeLessThan(0.75);
    expect(stock?.memoryBytes).toBe(5e7);
    expect([web?.measured, stock?.measured]).toEqual([true, true]);
  });

  it('assumes what was never asked of a component', () => {
    const second = { atMs: 1, components: {}, starts: {} };
    const text = `${JSON.stringify({ recording: 1, level: 'shop', startedAtMs: 0 })}\n${JSON.stringify(second)}\n`;
    expect(calibrate(typeGraph, parseRecording('r.jsonl', text)).web?.measured).toBe(false);
  });

  it('refuses what is no recording, and leaves out a last line that was cut off', () => {
    expect(() => parseRecording('r.jsonl', 'minute,requests\n')).toThrow(/r\.jsonl:1: .*mitosis record/);
    expect(() => parseRecording('r.jsonl', '{"recording":1}\n{"x":1}\n')).toThrow(/r\.jsonl:2/);
    const cut = recorded().slice(0, -40);
    expect(parseRecording('r.jsonl', cut).seconds).toHaveLength(299);
  });
});
