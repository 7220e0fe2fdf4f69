import { levelId, MitosisError } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { FakePeers } from '../testing/fake-peers.testing.js';
import { ChildLeaders } from './child-leaders.js';

const child = { level: levelId('shop.catalog'), managers: ['a', 'b'] };
const { signal } = new AbortController();

const directoryOf = (level: string, grpc: string) => ({
  level,
  incarnation: 1,
  members: [],
  leaders: grpc === '' ? [] : [{ function: 'composer', replica: 'r', grpc, epoch: undefined }],
});

describe(ChildLeaders.name, () => {
  it('asks the managers once and remembers the leader', async () => {
    const peers = new FakePeers();
    peers.answer('management', 'directory', () => directoryOf('shop.catalog', 'leader'));
    const leaders = new ChildLeaders(peers, 'composer');
    const addresses = [
      await leaders.call(child, signal, async (address) => address),
      await leaders.call(child, signal, async (address) => address),
    ];
    expect(addresses).toEqual(['leader', 'leader']);
    expect(peers.calls.length).toBe(2);
  });

  it('asks anew after a call failed', async () => {
    const peers = new FakePeers();
    let leader = 'first';
    peers.answer('management', 'directory', () => directoryOf('shop.catalog', leader));
    const leaders = new ChildLeaders(peers, 'composer');
    const failing = leaders.call(child, signal, () => Promise.reject(new MitosisError('not_leader', 'gone')));
    await expect(failing).rejects.toThrow('gone');
    leader = 'second';
    expect(await leaders.call(child, signal, async (address) => address)).toBe('second');
  });

  it('does not believe a manager of another level, nor one that knows no leader', async () => {
    const peers = new FakePeers();
    peers.answer('management', 'directory', (_, address) =>
      address === 'a' ? directoryOf('other', 'wrong') : directoryOf('shop.catalog', ''),
    );
    const leaders = new ChildLeaders(peers, 'composer');
    await expect(leaders.call(child, signal, async (address) => address)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
