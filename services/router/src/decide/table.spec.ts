import { componentName } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { buildTable, mergeInputs, NO_INPUTS, sameTable, type Table } from './table.js';
import { component, endpoint, listener, observed, spec, type Situation } from './table.testing.js';

const SHOP = spec('web', [
  component('web'),
  component('catalog', 'composition'),
  component('payment', 'binding'),
  component('payment-local'),
]);

const tableOf = (situation: Situation): Table =>
  buildTable(mergeInputs(NO_INPUTS, observed({ spec: SHOP, ...situation })));
const choices = (table: Table, key: string) => table.routes[key]?.choices ?? [];
const keys = (table: Table, key: string) =>
  choices(table, key).flatMap(({ targets }) => targets.map((t) => t.key));

describe(buildTable.name, () => {
  it('leads a service to its endpoints, draining ones marked', () => {
    const table = tableOf({ endpoints: { web: [endpoint('web-b', 2, 'draining'), endpoint('web-a', 1)] } });
    expect(choices(table, 'web/default')[0]?.targets.map((t) => [t.key, t.draining])).toEqual([
      ['web-a@127.0.0.1:1', false],
      ['web-b@127.0.0.1:2', true],
    ]);
  });

  it('leaves out an endpoint that does not have the port, unless it has only one', () => {
    const table = tableOf({
      endpoints: { web: [endpoint('a', 1, 'ready', { '80': 1 }), endpoint('b', 0, 'ready', { x: 2, y: 3 })] },
    });
    expect(keys(table, 'web/default')).toEqual(['a@127.0.0.1:1']);
  });

  it("leads a composition to its child's entry", () => {
    const table = tableOf({ children: { catalog: [{ port: 'default', host: '127.0.0.1', number: 7 }] } });
    expect(choices(table, 'catalog/default')[0]?.targets[0]).toMatchObject({ name: '127.0.0.1:7', port: 7 });
  });

  it('splits a binding over a third party and a component of its own', () => {
    const table = tableOf({
      endpoints: { 'payment-local': [endpoint('own-a', 9)] },
      bindings: {
        payment: [
          { alternative: 'acme', target: { kind: 'url', url: 'https://pay.example/v1/' }, weight: 0.9 },
          {
            alternative: 'own',
            target: { kind: 'component', component: componentName('payment-local') },
            weight: 0.1,
          },
        ],
      },
    });
    const [acme, own] = choices(table, 'payment/default');
    expect(acme).toMatchObject({ alternative: 'acme', weight: 0.9 });
    expect(acme?.targets[0]).toMatchObject({
      name: 'acme',
      host: 'pay.example',
      port: 443,
      tls: true,
      authority: 'pay.example',
      basePath: '/v1',
    });
    expect(own).toMatchObject({ alternative: 'own', weight: 0.1, through: ['payment-local/default'] });
    expect(own?.targets.map(({ instance }) => instance)).toEqual(['own-a']);
  });

  it('ends a circle of bindings without a target', () => {
    const circle = spec(null, [component('a', 'binding'), component('b', 'binding')]);
    const to = (name: string) => [
      { alternative: 'x', target: { kind: 'component' as const, component: componentName(name) }, weight: 1 },
    ];
    expect(choices(tableOf({ spec: circle, bindings: { a: to('b'), b: to('a') } }), 'a/default')).toEqual([]);
  });

  it('marks what the leader ejected', () => {
    const table = tableOf({
      endpoints: { web: [endpoint('web-a', 1)] },
      ejected: { web: [{ target: 'web-a', untilMs: 50 }] },
    });
    expect(choices(table, 'web/default')[0]?.targets[0]?.agreedUntilMs).toBe(50);
  });

  it('equals a table built from the same records in another order, and no other', () => {
    const a = tableOf({ endpoints: { web: [endpoint('a', 1), endpoint('b', 2)] } });
    expect(sameTable(a, tableOf({ endpoints: { web: [endpoint('b', 2), endpoint('a', 1)] } }))).toBe(true);
    expect(sameTable(a, tableOf({ endpoints: { web: [endpoint('a', 1)] } }))).toBe(false);
  });
});

describe(mergeInputs.name, () => {
  const known = mergeInputs(
    NO_INPUTS,
    observed({
      spec: SHOP,
      listeners: [listener('web/default', 'web', 80)],
      endpoints: { web: [endpoint('web-a', 1)] },
    }),
  );

  it('keeps everything when the store has been emptied', () => {
    expect(mergeInputs(known, observed({}))).toEqual(known);
  });

  it('empties a route only on a record that says so', () => {
    expect(mergeInputs(known, observed({ endpoints: { web: [] } })).endpoints).toEqual({ web: [] });
  });

  it('forgets components that the spec no longer has', () => {
    const without = mergeInputs(known, observed({ spec: spec(null, [component('payment-local')]) }));
    expect(without.endpoints).toEqual({});
    expect(buildTable(without).routes['web/default']).toBeUndefined();
  });
});
