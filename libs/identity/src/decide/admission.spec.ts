import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admitClient, distrustOf, mayTouch } from './admission.js';
import { etcdUser } from './etcd-user.js';
import { isLoopback } from './loopback.js';
import { parsePeerUri, peerNameOf, peerUri, type PeerName } from './peer-name.js';

const at = (level: string, role = 'manager', id = 'x-1'): PeerName => ({ level, role, id });

describe('who may call whom', () => {
  it.each([
    ['its own level', at('shop'), at('shop', 'router'), 'full'],
    ['the level above, for the calls of the hierarchy', at('shop.cart'), at('shop'), 'hierarchy'],
    ['no level two above', at('shop.cart.db'), at('shop'), 'refused'],
    ['no level below', at('shop'), at('shop.cart'), 'refused'],
    ['no sibling', at('shop.cart'), at('shop.pay'), 'refused'],
    ['no level that only begins with the same letters', at('shop'), at('shopping'), 'refused'],
    ['no etcd member of its own level', at('shop'), at('shop', 'etcd'), 'refused'],
    ['nobody who makes users of an etcd', at('shop'), at('shop', 'etcd-root'), 'refused'],
    ['people of an upper level', at('shop.cart.db'), at('shop', 'operator'), 'full'],
    ['no people of a lower level', at('shop'), at('shop.cart', 'operator'), 'refused'],
    ['an agent serves every level below its root', at('shop', 'agent'), at('shop.cart'), 'full'],
    ['an agent serves no other root', at('shop', 'agent'), at('bank'), 'refused'],
  ] as const)('%s', (_, server, client, kind) => {
    expect(admitClient(server, client).kind).toBe(kind);
  });

  it('a client trusts its level, its children and the agents above, and nobody else', () => {
    expect(distrustOf(at('shop'), at('shop', 'router'))).toBeUndefined();
    expect(distrustOf(at('shop'), at('shop.cart'))).toBeUndefined();
    expect(distrustOf(at('shop.cart'), at('shop', 'agent'))).toBeUndefined();
    expect(distrustOf(at('shop.cart'), at('shop'))).toContain('mitosis://shop/manager/x-1');
    expect(distrustOf(at('shop.cart'), at('shop.pay'))).toBeDefined();
  });

  it('whoever reaches an agent acts on its own level and below', () => {
    expect(mayTouch(at('shop'), 'shop.cart')).toBe(true);
    expect(mayTouch(at('shop.cart'), 'shop')).toBe(false);
    expect(mayTouch(at('shop.cart'), 'shop.carts')).toBe(false);
  });
});

describe('the user of a level in an etcd that several share', () => {
  it('is one a level, also where the name is too long for a certificate', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z.]{0,120}$/u),
        fc.stringMatching(/^[a-z][a-z.]{0,120}$/u),
        (a, b) => {
          expect(etcdUser(a).length).toBeLessThanOrEqual(64);
          expect(etcdUser(a) === etcdUser(b)).toBe(a === b);
          expect(etcdUser(a)).not.toBe('root');
        },
      ),
    );
    expect(etcdUser(`${'x'.repeat(100)}.a`)).not.toBe(etcdUser(`${'x'.repeat(100)}.b`));
  });
});

describe('the name in a certificate', () => {
  const part = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9-]{0,20}$/u);
  it('is read as it was written', () => {
    fc.assert(
      fc.property(part, part, part, (level, role, id) => {
        expect(parsePeerUri(peerUri({ level, role, id }))).toEqual({ level, role, id });
      }),
    );
  });
  it.each([
    'mitosis://shop',
    'mitosis://shop/router/',
    'mitosis://../router/r',
    'https://shop/router/r',
    'mitosis://a/b/c/d',
  ])('is not %s', (uri) => expect(parsePeerUri(uri)).toBeUndefined());
  it('is the only one, or nobody’s', () => {
    const uri = 'URI:mitosis://shop/router/r-1';
    expect(peerNameOf(`DNS:localhost, ${uri}, IP Address:127.0.0.1`)?.role).toBe('router');
    expect(peerNameOf(`${uri}, URI:mitosis://shop/manager/m-1`)).toBeUndefined();
    expect(peerNameOf('DNS:localhost')).toBeUndefined();
    expect(peerNameOf(undefined)).toBeUndefined();
  });
});

it('only addresses of this machine alone count as loopback', () => {
  expect(['127.0.0.1', '127.0.3.1', '::1', '[::1]', 'localhost', 'unix:/run/x'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'example.org', ''].some(isLoopback)).toBe(false);
});
