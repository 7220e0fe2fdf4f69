import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peerNameOf } from '../decide/peer-name.js';
import { TlsIdentity } from '../tls/tls-identity.js';
import { Authority, type LeafRequest } from './authority.js';
import { readAuthority, writeAuthority } from './material.js';
import { keyIn, writeTlsDirectory } from './tls-directory.js';

const HOUR_MS = 3_600_000;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'm-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const manager: LeafRequest = {
  level: 'shop.catalog',
  role: 'manager',
  id: 'm-1',
  hosts: ['127.0.0.1', 'localhost'],
  ttlMs: HOUR_MS,
};

describe('the authority of a root level', () => {
  it('issues a leaf that names its holder, chains to the root, and ends when it was told', async () => {
    const nowMs = Date.now();
    const authority = await Authority.open(directory, 'shop', () => nowMs);
    const leaf = await authority.issue(manager);
    const certificate = new X509Certificate(leaf.certificate);
    expect(peerNameOf(certificate.subjectAltName)).toEqual({
      level: 'shop.catalog',
      role: 'manager',
      id: 'm-1',
    });
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(Math.abs(Date.parse(certificate.validTo) - nowMs - HOUR_MS)).toBeLessThan(1_000);
    const intermediate = new X509Certificate(leaf.levelAuthority);
    const root = new X509Certificate(leaf.authority);
    expect(certificate.checkIssued(intermediate)).toBe(true);
    expect(certificate.verify(intermediate.publicKey)).toBe(true);
    expect(intermediate.verify(root.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(intermediate.ca).toBe(true);
  });

  it('is the same one when it is opened again, and gives each level an intermediate of its own', async () => {
    const first = await (await Authority.open(directory, 'shop')).issue(manager);
    const again = await Authority.open(directory, 'shop');
    const second = await again.issue({ ...manager, id: 'm-2' });
    const other = await again.issue({ ...manager, level: 'shop', id: 'm-3' });
    expect(second.authority).toBe(first.authority);
    expect(second.levelAuthority).toBe(first.levelAuthority);
    expect(other.levelAuthority).not.toBe(first.levelAuthority);
  });

  it('keeps its keys from other users', async () => {
    await (await Authority.open(directory, 'shop')).issue(manager);
    const files = readdirSync(directory, { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile()).length).toBe(4);
    for (const file of files) {
      const mode = statSync(join(file.parentPath, file.name)).mode & 0o777;
      expect(mode & 0o077, file.name).toBe(0);
    }
  });

  it('refuses names outside of its root and a directory of another root', async () => {
    const authority = await Authority.open(directory, 'shop');
    await expect(authority.issue({ ...manager, level: 'bank' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(authority.issue({ ...manager, id: 'a/b' })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(Authority.open(directory, 'bank')).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('mitosis shop'),
    });
  });

  it('signs for a level with one key on every host of the root', async () => {
    const [one, two] = [join(directory, 'one'), join(directory, 'two')];
    const here = await (await Authority.open(one, 'shop')).issue(manager);
    const { 'ca.pem': certificate = '', 'ca.key': key = '' } = readAuthority(one);
    writeAuthority(two, { 'ca.pem': certificate, 'ca.key': key });
    const there = await (await Authority.open(two, 'shop')).issue({ ...manager, id: 'm-2' });
    const known = new X509Certificate(here.levelAuthority);
    expect(there.levelAuthority).not.toBe(here.levelAuthority);
    expect(new X509Certificate(there.certificate).checkIssued(known)).toBe(true);
    expect(new X509Certificate(there.certificate).verify(known.publicKey)).toBe(true);
  });

  it('takes nothing from another host that is no authority, nor one in place of another', async () => {
    await Authority.open(join(directory, 'one'), 'shop');
    const files = readAuthority(join(directory, 'one'));
    expect(() => writeAuthority(join(directory, 'two'), { ...files, '../x': 'y' })).toThrow(/no authority/u);
    expect(() => writeAuthority(join(directory, 'two'), { 'ca.pem': 'x' })).toThrow(/no authority/u);
    await Authority.open(join(directory, 'three'), 'shop');
    expect(() => writeAuthority(join(directory, 'three'), files)).toThrow(/holds another authority/u);
  });

  it('certifies the same key again at a renewal', async () => {
    const authority = await Authority.open(directory, 'shop');
    const tls = join(directory, 'tls');
    writeTlsDirectory(tls, await authority.issue(manager));
    const identity = new TlsIdentity(tls);
    const key = keyIn(tls) ?? '';
    const before = identity.material.certificate;
    let renewed = 0;
    identity.onChange(() => (renewed += 1));
    writeTlsDirectory(tls, await authority.issue({ ...manager, key }));
    expect(identity.look()).toBe(true);
    expect(renewed).toBe(1);
    expect(identity.material.certificate).not.toBe(before);
    expect(identity.material.key).toBe(key);
    expect(identity.look()).toBe(false);
    identity.close();
  });
});
