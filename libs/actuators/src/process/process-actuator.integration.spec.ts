/** Real processes under the driver, and a second driver in place of a restarted agent. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Run, RunPlan } from '../actuator.js';
import { scanProcesses } from './members.js';
import { readStat } from './process-table.js';
import { ProcessActuator } from './process-actuator.js';
import { RunFiles } from './shim.js';
import { tailLog } from './log-file.js';

const NODE = process.execPath;

describe('process driver', () => {
  let home: string;
  let actuator: ProcessActuator;
  beforeEach(() => {
    home = realpathSync(mkdtempSync('/tmp/m-'));
    actuator = new ProcessActuator({ home });
  });
  afterEach(async () => {
    await actuator.sweep(() => false);
    actuator.close();
    rmSync(home, { recursive: true, force: true });
  });

  const plan = (id: string, command: readonly string[], more: Partial<RunPlan> = {}): RunPlan => {
    const dir = join(home, id);
    mkdirSync(dir, { recursive: true });
    return {
      level: 'shop',
      id,
      run: 1,
      dir,
      component: 'web',
      instanceClass: 'application',
      version: '1',
      command,
      cwd: dir,
      env: { PATH: process.env['PATH'] ?? '' },
      fds: [],
      user: '',
      ...more,
    };
  };
  const marked = (): readonly number[] =>
    scanProcesses(home).flatMap(({ mark, pid }) => (mark?.kind === 'run' ? [pid] : []));
  const startNode = async (id: string, code: string, more: Partial<RunPlan> = {}): Promise<Run> => {
    const run = await actuator.start(plan(id, [NODE, '-e', code], more));
    await run.started;
    return run;
  };
  const adopt = async (run: Run, by: ProcessActuator): Promise<Run> => {
    const [found] = await by.adopt([{ ...run.ref, thisBoot: true }]);
    if (found?.kind !== 'running') throw new Error(`not running: ${found?.kind}`);
    return found.run;
  };
  const output = (run: Run): string => tailLog(run.ref.dir, 100).text;

  it('tells the exit code and keeps the output', async () => {
    const run = await startNode('a', 'console.log(process.env["odd.name"]); process.exit(3)', {
      env: { PATH: process.env['PATH'] ?? '', 'odd.name': 'kept' },
    });
    expect((await run.exited).code).toBe(3);
    expect(output(run)).toBe('kept\n');
    expect(marked()).toEqual([]);
  });

  it('tells 128 + n for a signal and 127 for a command that does not exist', async () => {
    const run = await startNode('a', 'setInterval(() => {}, 1000)');
    expect(await run.signal('SIGKILL', false)).toBe(true);
    expect((await run.exited).code).toBe(137);
    const missing = await actuator.start(plan('b', ['/does/not/exist']));
    expect((await missing.exited).code).toBe(127);
  });

  it('refuses a working directory that does not exist', async () => {
    await expect(actuator.start(plan('a', ['true'], { cwd: '/does/not/exist' }))).rejects.toThrow(
      /working directory/,
    );
  });

  it('stops politely, and by force with everything that was left behind', async () => {
    const polite = await startNode(
      'a',
      'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1000); console.log("up")',
    );
    await expect.poll(() => output(polite), { timeout: 5_000, interval: 10 }).toContain('up');
    expect((await polite.stop('SIGTERM', 5_000)).code).toBe(7);

    const stubborn = await startNode(
      'b',
      `const { spawn } = require('node:child_process');
       process.on('SIGTERM', () => {});
       // Leaves the group and the session.
       spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("child")'], { detached: true, stdio: 'inherit' });
       setInterval(() => {}, 1000); console.log('parent')`,
    );
    await expect
      .poll(() => output(stubborn), { timeout: 5_000, interval: 10 })
      .toMatch(/parent[^]*child|child[^]*parent/);
    expect(marked().length).toBeGreaterThanOrEqual(3);
    const before = Date.now();
    await stubborn.stop('SIGTERM', 300);
    expect(Date.now() - before).toBeLessThan(2_000);
    expect(marked()).toEqual([]);
  });

  it('knows the exit code of what is stopped before it has begun', async () => {
    for (let i = 0; i < 20; i += 1) {
      const run = await actuator.start(plan(`a${i}`, ['/bin/sleep', '60']));
      expect((await run.stop('SIGTERM', 5_000)).code).toBe(143);
    }
    expect(marked()).toEqual([]);
  });

  it('finds a child that left session and mark behind through its parent', async () => {
    const run = await startNode(
      'a',
      `const { spawn } = require('node:child_process');
       const child = spawn('/bin/sleep', ['1000'], { detached: true, env: {}, stdio: 'ignore' });
       setInterval(() => {}, 1000); console.log('child ' + child.pid)`,
    );
    await expect.poll(() => output(run), { timeout: 5_000, interval: 10 }).toContain('child');
    const pid = Number(/child (\d+)/.exec(output(run))?.[1]);
    await run.stop('SIGTERM', 200);
    expect(readStat(pid)).toBeUndefined();
  });

  it('ends what a crashed main process leaves behind', async () => {
    const run = await startNode(
      'a',
      `require('node:child_process').spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' }); setTimeout(() => process.exit(1), 50)`,
    );
    expect((await run.exited).code).toBe(1);
    expect(marked()).toEqual([]);
  });

  it('sees the end of an adopted run at once, with its code', async () => {
    const first = await startNode(
      'a',
      'process.on("SIGUSR2", () => process.exit(9)); setInterval(() => {}, 1000); console.log("up")',
    );
    await expect.poll(() => output(first), { timeout: 5_000, interval: 10 }).toContain('up');
    actuator.close();
    actuator = new ProcessActuator({ home });
    const adopted = await adopt(first, actuator);
    expect(adopted.pid).toBe(first.pid);
    const before = Date.now();
    await adopted.signal('SIGUSR2', false);
    const exit = await adopted.exited;
    expect(exit.code).toBe(9);
    expect(Date.now() - before).toBeLessThan(200);
  });

  it('sees the end of an adopted run whose shim was killed first', async () => {
    const first = await startNode('a', 'setInterval(() => {}, 1000)');
    actuator.close();
    actuator = new ProcessActuator({ home });
    const adopted = await adopt(first, actuator);
    const shim = marked().find((pid) => pid !== first.pid);
    process.kill(shim!, 'SIGKILL');
    await expect.poll(() => readStat(shim!), { timeout: 5_000, interval: 5 }).toBeUndefined();
    expect(readStat(first.pid)).toBeDefined();
    process.kill(first.pid, 'SIGKILL');
    const exit = await adopted.exited;
    expect(exit.code).toBeUndefined();
    expect(marked()).toEqual([]);
  });

  it('knows the exit code of what ended while no agent was there', async () => {
    const first = await startNode('a', 'setInterval(() => {}, 1000)');
    actuator.close();
    process.kill(first.pid, 'SIGTERM');
    const files = new RunFiles(first.ref);
    await expect.poll(() => files.exit(), { timeout: 5_000, interval: 5 }).toBeDefined();
    actuator = new ProcessActuator({ home });
    const [found] = await actuator.adopt([{ ...first.ref, thisBoot: true }]);
    expect(found).toMatchObject({ kind: 'exited', exit: { code: 143 } });
  });

  it('never begins a run that a successor has ruled out', async () => {
    const ref = plan('a', [NODE, '-e', 'setInterval(() => {}, 1000)']);
    const [found] = await actuator.adopt([{ ...ref, thisBoot: true }]);
    expect(found).toEqual({ kind: 'never-started' });
    // The shim of the dead agent gets its processor time only now.
    const files = new RunFiles(ref);
    const { SHIM } = await import('./shim.js');
    const late = spawn('/bin/sh', ['-c', SHIM, 'mitosis-shim', files.prefix, 'touch', join(home, 'ran')]);
    await new Promise((resolve) => late.once('exit', resolve));
    expect(existsSync(join(home, 'ran'))).toBe(false);
  });

  it('sweeps what no record names and nothing else', async () => {
    const stray = await startNode('stray', 'setInterval(() => {}, 1000)');
    const kept = await startNode('kept', 'setInterval(() => {}, 1000)');
    const swept = await actuator.sweep(({ id }) => id === 'kept');
    expect(swept.map(({ id }) => id)).toContain('stray');
    await stray.exited;
    expect(readStat(stray.pid)).toBeUndefined();
    expect(readStat(kept.pid)).toBeDefined();
  });

  it('measures processor time and memory of a run', async () => {
    const run = await startNode('a', 'for (;;) Math.sqrt(2)');
    actuator.usage(run);
    await expect
      .poll(() => actuator.usage(run)?.cpuSeconds ?? 0, { timeout: 10_000, interval: 50 })
      .toBeGreaterThan(0.1);
    await expect
      .poll(() => actuator.usage(run)?.memoryBytes ?? 0, { timeout: 10_000, interval: 50 })
      .toBeGreaterThan(5_000_000);
    expect(readFileSync(`/proc/${run.pid}/environ`, 'utf8')).toContain('MITOSIS_RUN=1');
  });
});
