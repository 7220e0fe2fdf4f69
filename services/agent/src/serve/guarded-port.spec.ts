import { describe, expect, it } from 'vitest';
import { reasonAgainst } from './guarded-port.js';

const START = '/mitosis.v1.Agent/Start';
const cart = { level: 'shop.cart', role: 'manager', id: 'm-1' };

describe('a call from another host', () => {
  it('is about the caller’s level or one below', () => {
    expect(reasonAgainst(cart, START, { act: { level: 'shop.cart' } })).toBeUndefined();
    expect(reasonAgainst(cart, '/mitosis.v1.Agent/Purge', { level: 'shop.cart.db' })).toBeUndefined();
    expect(reasonAgainst(cart, START, { act: { level: 'shop' } })).toBe(
      'manager m-1 of shop.cart may not touch shop',
    );
    expect(
      reasonAgainst(cart, '/mitosis.v1.Agent/Birth', { level: 'shop.cart.db', act: { level: 'shop.pay' } }),
    ).toContain('shop.pay');
  });
  it('ends the agent only when an agent or a person makes it', () => {
    expect(reasonAgainst(cart, '/mitosis.v1.Agent/Shutdown', {})).toContain('is for agents and people');
    expect(reasonAgainst({ ...cart, role: 'operator' }, '/mitosis.v1.Agent/Shutdown', {})).toBeUndefined();
  });
  it('is made by somebody', () => {
    expect(reasonAgainst(undefined, START, {})).toContain('names nobody');
  });
});
