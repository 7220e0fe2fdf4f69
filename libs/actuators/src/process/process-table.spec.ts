import { describe, expect, it } from 'vitest';
import { markOf, membersOf, type ScannedProcess } from './members.js';
import { parseStat } from './process-table.js';

describe(parseStat, () => {
  it('reads past a name with blanks and brackets', () => {
    const fields = ['S', 10, 20, 30, 0, -1, 0, 0, 0, 0, 0, 5, 6, 7, 8, 20, 0, 1, 0, 999, 0, 77];
    expect(parseStat(`42 (a) b (c)) ${fields.join(' ')}\n`)).toEqual({
      pid: 42,
      startTicks: 999,
      state: 'S',
      parent: 10,
      session: 30,
      cpuTicks: 26,
      rssPages: 77,
    });
    expect(parseStat('')).toBeUndefined();
    expect(parseStat('42 (cut')).toBeUndefined();
  });
});

describe(membersOf, () => {
  const name = { level: 'shop', id: 'web-1', run: 2 };
  const one = (pid: number, more: Partial<ScannedProcess>): ScannedProcess => ({
    pid,
    startTicks: pid,
    state: 'S',
    parent: 1,
    session: 1,
    cpuTicks: 0,
    rssPages: 0,
    mark: undefined,
    ...more,
  });
  const members = (scan: readonly ScannedProcess[], shimTicks = 100): number[] =>
    membersOf(scan, {
      name,
      shim: { pid: 100, startTicks: shimTicks },
      known: [{ pid: 300, startTicks: 300 }],
    }).map(({ pid }) => pid);

  it('takes in its marks, its session, its descendants and what it knew, and nothing that carries another mark', () => {
    const run = { kind: 'run', ...name } as const;
    expect(
      members([
        one(100, { session: 100, mark: run }),
        one(101, { session: 100 }),
        one(102, { mark: run }),
        one(103, { parent: 101 }),
        one(104, { parent: 103 }),
        one(300, {}),
        one(301, {}),
        // The agent, started by a manager that is a member.
        one(105, { parent: 101, mark: { kind: 'other' } }),
        one(106, { parent: 105 }),
        one(107, { session: 100, mark: { kind: 'run', level: 'shop', id: 'web-1', run: 1 } }),
      ]),
    ).toEqual([100, 101, 102, 300, 103, 104]);
  });

  it('does not believe in a session whose leader is another process by now', () => {
    expect(members([one(100, { session: 100 }), one(101, { session: 100 })], 99)).toEqual([]);
    // The leader is gone: its number cannot have been given away while the session lives.
    expect(members([one(101, { session: 100 })])).toEqual([101]);
  });

  it('leaves alone what a person started with the same home', () => {
    const env = new Map([
      ['MITOSIS_HOME', '/h'],
      ['MITOSIS_INSTANCE', 'manual-1'],
    ]);
    expect(markOf(env, '/h')).toEqual({ kind: 'other' });
    expect(markOf(new Map([...env, ['MITOSIS_RUN', '1'], ['MITOSIS_LEVEL', 'shop']]), '/h')).toMatchObject({
      kind: 'run',
    });
    expect(markOf(new Map([...env, ['MITOSIS_RUN', '1']]), '/other')).toEqual({ kind: 'other' });
    expect(markOf(new Map(), '/h')).toBeUndefined();
  });
});
