import { bareComponent, bareTypeGraph, instanceId, siteId, type SpecRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { observedOutside } from './outside.js';
import { buildTable, mergeInputs, NO_INPUTS, type Table } from './table.js';

const web = bareComponent('web', {
  ports: [
    { name: '8080', target: 8080, protocol: 'http', published: [{ host: '', port: 80 }] },
    { name: '9090', target: 9090, protocol: 'http', published: [] },
  ],
});
const pay = bareComponent('pay', {
  kind: 'binding',
  ports: [{ name: '80', target: 80, protocol: 'http', published: [{ host: '127.0.0.1', port: 81 }] }],
  alternatives: [
    { name: 'acme', target: { kind: 'url', url: 'https://pay.example' }, price: 0 },
    { name: 'own', target: { kind: 'component', component: web.name }, price: 0 },
  ],
});
const spec: SpecRecord = {
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: bareTypeGraph('shop', [web, pay]),
  appliedAtMs: 0,
};
const endpoint = {
  instance: instanceId('web@10.0.0.5'),
  host: '10.0.0.5',
  ports: { '8080': 8080 },
  state: 'ready' as const,
  readySinceMs: 0,
};

const tableOf = (split: Readonly<Record<string, Readonly<Record<string, number>>>> = {}): Table =>
  buildTable(
    mergeInputs(NO_INPUTS, observedOutside({ spec, endpoints: { web: [endpoint] }, split }, siteId('local'))),
  );

describe(observedOutside.name, () => {
  it('binds what is published, at all addresses where none is said, and leads to who is listed', () => {
    const { listeners, routes } = tableOf();
    expect(Object.values(listeners)).toMatchObject([
      { component: 'web', port: '8080', host: '0.0.0.0', number: 80 },
      { component: 'pay', port: '80', host: '127.0.0.1', number: 81 },
    ]);
    expect(routes['web/8080']?.choices[0]?.targets).toMatchObject([{ host: '10.0.0.5', port: 8080 }]);
  });

  it('splits a binding as it is written down, by default all to the first', () => {
    const shares = (table: Table) =>
      table.routes['pay/80']?.choices.map(({ alternative, weight }) => [alternative, weight]);
    expect(shares(tableOf())).toEqual([['acme', 1]]);
    expect(shares(tableOf({ pay: { acme: 3, own: 1 } }))).toEqual([
      ['acme', 0.75],
      ['own', 0.25],
    ]);
  });
});
