import { stripVTControlCharacters } from 'node:util';
import { componentName, decisionId, FUNCTION_NAMES, siteId, type BindingRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { readinessOf } from '../bring-up/readiness.js';
import { decision, emptyGraph, instance, leader, levelView } from '../testing/records.testing.js';
import { chainsOf, renderChain } from './decisions.js';
import { describeBinding, renderLevel } from './status.js';
import { renderGraph } from './graph.js';

// picocolors leaves colours out where no terminal is; tests must not depend on where they run.
const plain = stripVTControlCharacters;

const ALL_LEADERS = FUNCTION_NAMES.map((fn) =>
  leader(fn, '127.0.0.1:1', fn === 'router' ? 'mitosis-router-a' : 'mitosis-manager-a'),
);
const directory = { level: 'shop', incarnation: 1, members: [], leaders: ALL_LEADERS };

const binding: BindingRecord = {
  v: 1,
  component: componentName('payment'),
  active: 'own',
  split: [
    { alternative: 'acme', target: { kind: 'url', url: 'http://acme' }, weight: 0.05 },
    {
      alternative: 'own',
      target: { kind: 'component', component: componentName('payment-local') },
      weight: 0.95,
    },
  ],
  sinceMs: 0,
  reason: 'acme is slow',
  decision: decisionId('d1'),
};

describe('status', () => {
  it('groups leaders by replica and names functions without one', () => {
    const text = plain(
      renderLevel(levelView('shop', { directory: { ...directory, leaders: ALL_LEADERS.slice(1) } })),
    );
    const others = FUNCTION_NAMES.filter((fn) => fn !== 'monitor' && fn !== 'router').toSorted();
    expect(text).toContain(`mitosis-manager-a: ${others.join(', ')}`);
    expect(text).toContain('no leader   monitor');
  });

  it('shows where the level is reached', () => {
    const listener = {
      name: 'web/8080@127.0.0.1:8080',
      component: componentName('web'),
      port: '8080',
      protocol: 'http',
      host: '127.0.0.1',
      number: 8080,
      published: true,
    } as const;
    const graph = {
      ...emptyGraph('shop'),
      listeners: [
        {
          v: 1,
          site: siteId('local'),
          listeners: [listener, { ...listener, published: false, number: 4000 }],
        },
      ],
    } as const;
    const text = plain(renderLevel(levelView('shop', { graph })));
    expect(text).toContain('http://127.0.0.1:8080 (web)');
    expect(text).not.toContain('4000');
  });

  it('says unknown, not zero, while management is dead', () => {
    const text = plain(
      renderLevel(levelView('shop', { composite: null, directory: null, unknown: ['health: no answer'] })),
    );
    expect(text).toContain('shop: unknown');
    expect(text).toContain('leaders     unknown');
    expect(text).toContain('unknown: health: no answer');
    expect(text).not.toContain('0/0 ');
  });

  it('shows the split of a binding, the largest share first', () => {
    expect(describeBinding(binding)).toBe('own 95 %, acme 5 %');
  });
});

describe('graph', () => {
  it('draws instances below their component and tells why one is not ready', () => {
    const graph = {
      ...emptyGraph('shop'),
      instances: [
        instance('mitosis-router-a', 'mitosis-router', { class: 'management' }),
        instance('web-1', 'web', { phase: 'failed', reason: 'exit code 3' }),
      ],
    };
    const text = plain(renderGraph([levelView('shop', { graph, directory })]));
    expect(text).toContain('mitosis-router-a ready on local 127.0.0.1:4001 leads router');
  });
});

describe('readiness', () => {
  const ready = levelView('shop', { directory });
  it('needs every level, its leaders and its health', () => {
    expect(readinessOf(['shop', 'shop.catalog'], [ready]).missing).toEqual(['shop.catalog: not born yet']);
    expect(readinessOf(['shop'], [ready]).ready).toBe(true);
    expect(readinessOf(['shop'], [levelView('shop')]).missing[0]).toMatch(/no leader of monitor/);
    expect(readinessOf(['shop'], [levelView('shop', { directory, composite: null })]).ready).toBe(false);
  });
  it('names the component that is missing, and the instance to look at', () => {
    const view = levelView('shop', {
      directory,
      composite: {
        level: 'shop',
        state: 'degraded',
        reason: '',
        ready: false,
        components: [{ component: 'web', wanted: 2, ready: 1, state: 'degraded', reason: 'exit code 3' }],
      },
      graph: { ...emptyGraph('shop'), instances: [instance('web-1', 'web', { phase: 'failed' })] },
    });
    const { missing, suspects } = readinessOf(['shop'], [view]);
    expect(missing).toEqual(['shop: web 1/2 (exit code 3)']);
    expect(suspects).toEqual([{ level: 'shop', id: 'web-1' }]);
  });
});

describe('chains of decisions', () => {
  const target = decision('target');
  const start = decision('start', {
    function: 'health',
    action: 'start',
    causes: [decisionId('target')],
    atMs: 2_000,
  });
  it('start at what nothing else follows from and go to the first cause', () => {
    const [chain, ...others] = chainsOf([target, start], [target, start], 5);
    expect(others).toEqual([]);
    expect(chain?.record.id).toBe('start');
    expect(chain?.causes.map((link) => link.record.id)).toEqual(['target']);
    expect(plain(renderChain(chain!))).toMatch(/start web[\s\S]*because[\s\S]*scale web/);
  });
  it('name causes that are no longer kept', () => {
    const [chain] = chainsOf([start], [start], 5);
    expect(plain(renderChain(chain!))).toContain('because of target (no longer kept)');
  });
  it('end although a circle was written', () => {
    const a = decision('a', { causes: [decisionId('b')] });
    const b = decision('b', { causes: [decisionId('a')], component: 'other' });
    expect(chainsOf([a], [a, b], 5)).toHaveLength(1);
  });
});
