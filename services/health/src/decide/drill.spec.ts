import { describe, expect, it } from 'vitest';
import { decideHealth } from './decide-health.js';
import { drill } from './drill.js';
import { instance, level, service } from './fixtures.testing.js';

describe(drill.name, () => {
  it('replaces an instance that has not ended, up to the act that starts another', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: [instance('web-a', 'web'), instance('web-b', 'web', { version: 'v1' })],
    });
    const [first, second] = drill(input);
    expect(first?.changes.length).toBeGreaterThan(0);
    expect(second?.acts.map(({ kind }) => kind)).toContain('start');
    // Nothing of it is in what is decided for real.
    expect(decideHealth(input).acts.filter(({ kind }) => kind === 'start')).toEqual([]);
  });

  it('supposes nothing where nothing runs', () => {
    expect(drill(level({ components: [service('web')] }))).toEqual([]);
  });
});
