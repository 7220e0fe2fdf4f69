import { describe, expect, it } from 'vitest';
import { EMPTY_MODEL } from '../decide/instance-model.js';
import { anObservation, p95 } from '../decide/observation.testing.js';
import { lateSampleOf } from './slo-account.js';

describe(lateSampleOf.name, () => {
  const unknown = { ...EMPTY_MODEL, version: 'v1', serviceMs: 30_000 };
  const slow = anObservation({ objective: p95(20_000) });

  it('excuses what is late before anything can be known of instances that take long, and nothing after', () => {
    expect(lateSampleOf(unknown, slow)?.excused).toBe(true);
    expect(lateSampleOf({ ...unknown, serviceKnown: true }, slow)?.excused).toBe(false);
    expect(lateSampleOf(unknown, anObservation({ objective: p95(200) }))?.excused).toBe(false);
  });
});
