import { VirtualClock } from '@mitosis/coordination';
import { describe, expect, it } from 'vitest';
import type { FunctionShell } from '../function.js';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { rehearse } from './rehearsal.js';

const shellOf = (fn: FunctionShell['fn'], run: () => void): FunctionShell => ({
  fn,
  periodMs: 1_000,
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  pass: () => Promise.resolve({ kind: 'idle', reason: '' }),
  describe: () => ({}),
  rehearse: run,
});

const membership = { rehearse: (): Promise<void> => Promise.resolve() };

describe(rehearse.name, () => {
  it('runs what this process does not lead, often at first and then seldom, until it ends', async () => {
    const clock = new VirtualClock();
    const ending = new AbortController();
    const runs = { health: 0, placer: 0 };
    const shells = [shellOf('health', () => runs.health++), shellOf('placer', () => runs.placer++)];
    const leads = ({ fn }: FunctionShell): boolean => fn === 'placer';
    const done = rehearse({ shells, leads, membership, clock, log: new SilentLogger() }, ending.signal);
    await clock.advance(4_000);
    expect(runs).toEqual({ health: 8, placer: 0 });
    await clock.advance(9_000);
    expect(runs.health).toBe(8);
    await clock.advance(1_000);
    expect(runs.health).toBe(9);
    ending.abort();
    await clock.advance(20_000);
    await done;
    expect(runs.health).toBe(9);
  });

  it('goes on with the others when one fails', async () => {
    const clock = new VirtualClock();
    const ending = new AbortController();
    const log = new SilentLogger();
    let runs = 0;
    const broken = shellOf('health', () => {
      throw new Error('not yet');
    });
    const shells = [broken, shellOf('placer', () => runs++)];
    void rehearse({ shells, leads: () => false, membership, clock, log }, ending.signal);
    await clock.advance(1_000);
    ending.abort();
    expect(runs).toBe(2);
    expect(log.lines.map(({ message }) => message)).toEqual(['a rehearsal failed', 'a rehearsal failed']);
  });
});
