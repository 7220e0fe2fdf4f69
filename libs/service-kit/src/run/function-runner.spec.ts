import { MitosisError, type ControlMode } from '@mitosis/contracts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Registry } from 'prom-client';
import type { FunctionShell, Pass, PassResult } from '../function.js';
import { FakeCandidate } from '../testing/fake-candidate.testing.js';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { FunctionRunner } from './function-runner.js';
import { createRunnerMetrics } from './runner-metrics.js';

const IDLE: PassResult = { kind: 'idle', reason: 'nothing to do' };

class TestShell implements FunctionShell {
  readonly fn = 'health';
  readonly periodMs = 1_000;
  passes: Pass[] = [];
  running = 0;
  mostAtOnce = 0;
  result: (pass: Pass) => Promise<PassResult> = () => Promise.resolve(IDLE);

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  describe(): Readonly<Record<string, unknown>> {
    return { instances: 2 };
  }
  async pass(pass: Pass): Promise<PassResult> {
    this.passes.push(pass);
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    try {
      return await this.result(pass);
    } finally {
      this.running -= 1;
    }
  }
}

let shell: TestShell;
let candidate: FakeCandidate;
let runner: FunctionRunner;
let registry: Registry;
let log: SilentLogger;
let mode: ControlMode;

beforeEach(() => {
  vi.useFakeTimers();
  shell = new TestShell();
  candidate = new FakeCandidate('health');
  registry = new Registry();
  log = new SilentLogger();
  mode = 'run';
  runner = new FunctionRunner({
    shell,
    mode: () => mode,
    log,
    metrics: createRunnerMetrics(registry),
    nowMs: Date.now,
    jobTimeoutMs: 2_000,
  });
  runner.attach(candidate);
});
afterEach(async () => {
  const stopped = runner.stop(100);
  await vi.advanceTimersByTimeAsync(100);
  await stopped;
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** A pass that ends when the test says so. */
const held = (): { readonly end: (result: PassResult) => void; readonly run: () => Promise<PassResult> } => {
  let end: (result: PassResult) => void = () => {};
  const promise = new Promise<PassResult>((resolve) => {
    end = resolve;
  });
  return { end, run: () => promise };
};

describe('passes', () => {
  it('never run without a live session', async () => {
    runner.nudge();
    await pass(5_000);
    expect(shell.passes).toHaveLength(0);
    candidate.lead().end();
    await pass(5_000);
    expect(shell.passes).toHaveLength(0);
  });

  it('begin at once with the session and come again every period', async () => {
    candidate.lead();
    await pass(1);
    expect(shell.passes).toHaveLength(1);
    await pass(3_000);
    expect(shell.passes).toHaveLength(4);
  });

  it('follow a nudge at once, and a burst of nudges only once', async () => {
    candidate.lead();
    await pass(1);
    for (let i = 0; i < 50; i += 1) runner.nudge();
    await pass(20);
    expect(shell.passes).toHaveLength(2);
  });

  it('run one at a time, with one more after it for what was nudged meanwhile', async () => {
    const first = held();
    shell.result = first.run;
    candidate.lead();
    await pass(1);
    for (let i = 0; i < 5; i += 1) {
      runner.nudge();
      await pass(50);
    }
    expect(shell.passes).toHaveLength(1);
    shell.result = () => Promise.resolve(IDLE);
    first.end(IDLE);
    await pass(20);
    expect(shell.passes).toHaveLength(2);
    expect(shell.mostAtOnce).toBe(1);
  });

  it('come back when the thing waited for is due, before the period is over', async () => {
    const dueMs = Date.now() + 300;
    shell.result = () =>
      Promise.resolve({ kind: 'waiting', on: 'cooldown', reason: 'cooling down', untilMs: dueMs });
    candidate.lead();
    await pass(250);
    expect(shell.passes).toHaveLength(1);
    await pass(60);
    expect(shell.passes.length).toBeGreaterThan(1);
  });

  it('see the mode of the moment', async () => {
    candidate.lead();
    await pass(1);
    mode = 'advise';
    await pass(1_000);
    expect(shell.passes.map((one) => one.mode)).toEqual(['run', 'advise']);
  });

  it('turn what was thrown into a failed result and go on', async () => {
    shell.result = () => Promise.reject(new MitosisError('unavailable', 'etcd is away'));
    candidate.lead();
    await pass(1_100);
    expect(shell.passes).toHaveLength(2);
    const { passes } = runner.status();
    expect(passes).toMatchObject([{ kind: 'failed', reason: 'etcd is away', times: 2 }]);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('are told to end with the session', async () => {
    const first = held();
    shell.result = first.run;
    const session = candidate.lead();
    await pass(1);
    expect(shell.passes[0]?.signal.aborted).toBe(false);
    session.end();
    expect(shell.passes[0]?.signal.aborted).toBe(true);
    first.end(IDLE);
  });

  it('are aborted at their bound, and one that hangs costs this replica the leadership, not a second pass', async () => {
    const first = held();
    shell.result = first.run;
    candidate.lead();
    await pass(2_001);
    expect(shell.passes[0]?.signal.reason).toMatchObject({ code: 'deadline' });
    expect(candidate.resignations).toBe(0);
    await pass(5_000);
    expect(candidate.resignations).toBe(1);
    candidate.lead(2);
    await pass(5_000);
    expect(shell.passes).toHaveLength(1);
    expect(runner.runningMs()).toBeGreaterThan(10_000);
    first.end(IDLE);
    shell.result = () => Promise.resolve(IDLE);
    await pass(1);
    expect(shell.passes).toHaveLength(2);
  });
});

describe('commands', () => {
  it('are refused with the leader’s address where this replica does not lead', async () => {
    expect(() => runner.requireSession()).toThrow('nobody leads health now');
    candidate.setLeader({
      replica: candidate.lead().replica,
      address: '127.0.0.1:9',
      epoch: { incarnation: 1, revision: 4 },
    });
    await candidate.resign();
    candidate.setLeader({
      replica: 'b' as never,
      address: '127.0.0.1:9',
      epoch: { incarnation: 1, revision: 4 },
    });
    await expect(async () => runner.command(() => Promise.resolve(1))).rejects.toMatchObject({
      code: 'not_leader',
      leader: '127.0.0.1:9',
    });
  });

  it('wait for the pass that runs, and a pass follows them', async () => {
    const first = held();
    shell.result = first.run;
    candidate.lead();
    await pass(1);
    let ran = false;
    const command = runner.command(async (session) => {
      ran = true;
      return session.epoch.revision;
    });
    await pass(100);
    expect(ran).toBe(false);
    shell.result = () => Promise.resolve(IDLE);
    first.end(IDLE);
    await pass(1);
    expect(await command).toBe(1);
    await pass(1);
    expect(shell.passes).toHaveLength(2);
  });

  it('answer at their bound even when they hang', async () => {
    candidate.lead();
    await pass(1);
    let end = (): void => {};
    const hanging = new Promise<void>((resolve) => {
      end = resolve;
    });
    const outcome = runner.command(() => hanging).catch((error: MitosisError) => error.code);
    await pass(2_001);
    expect(await outcome).toBe('deadline');
    end();
  });

  it('are limited in number', async () => {
    const first = held();
    shell.result = first.run;
    candidate.lead();
    await pass(1);
    const outcomes = Array.from({ length: 33 }, () =>
      runner.command(() => Promise.resolve('done')).catch((error: MitosisError) => error.code),
    );
    expect(await outcomes[32]).toBe('exhausted');
    shell.result = () => Promise.resolve(IDLE);
    first.end(IDLE);
    await pass(500);
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['done', 'exhausted']));
  });

  it('fail when the session ends while they wait', async () => {
    const first = held();
    shell.result = first.run;
    candidate.lead();
    await pass(1);
    const outcome = runner.command(() => Promise.resolve('done')).catch((error: MitosisError) => error.code);
    await candidate.resign();
    first.end(IDLE);
    await pass(1);
    expect(await outcome).toBe('not_leader');
  });
});

describe('what is shown', () => {
  it('counts equal results instead of repeating them and keeps the last twenty', async () => {
    candidate.lead();
    await pass(3_001);
    expect(runner.status().passes).toMatchObject([{ kind: 'idle', times: 4 }]);
    let n = 0;
    shell.result = () => Promise.resolve({ kind: 'acted', reason: `started ${(n += 1)}`, changes: 1 });
    await pass(30_000);
    const { passes, leading, detail, epoch } = runner.status();
    expect([passes.length, passes.at(-1)?.reason]).toEqual([20, `started ${n}`]);
    expect({ leading, detail, epoch }).toEqual({ leading: true, detail: { instances: 2 }, epoch: '1.1' });
  });

  it('exports passes and leadership as metrics', async () => {
    const session = candidate.lead();
    await pass(1_001);
    expect(await registry.metrics()).toContain('mitosis_passes_total{function="health",kind="idle"} 2');
    expect(await registry.metrics()).toContain('mitosis_leader{function="health"} 1');
    session.end();
    expect(await registry.metrics()).toContain('mitosis_leader{function="health"} 0');
  });
});
