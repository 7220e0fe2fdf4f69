/** What every actuator must do, stated once: run against each driver that there is. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tailLog, type Actuator, type Run, type RunContainer, type RunPlan } from '@mitosis/actuators';
import { MitosisError } from '@mitosis/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../level/until.js';

/** What a run does; `says` comes first. Without `exits` it goes on for ever. */
export interface Program {
  /** A line on standard output; `$NAME` stands for a variable of its environment. */
  readonly says?: string;
  readonly exits?: number;
  /** Answer to SIGTERM: an exit code, or none at all; absent: it dies of it. */
  readonly onTerm?: number | 'ignores';
  /** Uses a measurable amount of the processor. */
  readonly works?: boolean;
}

/** Where runs live: how one is told what to do, and seen from beside the driver. */
export interface Surroundings {
  command(program: Program): readonly string[];
  output(home: string, id: string): string;
  alive(pid: number): boolean;
  /** SIGTERM by somebody else. */
  terminate(pid: number): void;
}

export interface ContractDriver extends Surroundings {
  readonly name: string;
  /** A driver as a new agent of this home would make it. */
  make(home: string): Actuator;
  /** Absent for what runs no containers. */
  readonly container?: () => RunContainer;
  /** Of a plan, what makes it one that can never run. */
  readonly impossible: Partial<RunPlan>;
}

const BOUND_MS = 20_000;
const FOREVER = 'setInterval(() => {}, 1000)';

/** A `node` with the program in JavaScript, as a process of this machine or in a container on it. */
export const onThisMachine = (node = 'node'): Surroundings => ({
  command: (program) => [node, '-e', sourceOf(program)],
  output: (home, id) => tailLog(join(home, id), 100).text,
  alive,
  terminate: (pid) => void process.kill(pid, 'SIGTERM'),
});

const sourceOf = ({ says, exits, onTerm, works }: Program): string =>
  [
    onTerm === undefined
      ? ''
      : `process.on("SIGTERM", () => ${onTerm === 'ignores' ? '{}' : `process.exit(${onTerm})`})`,
    // By the processor's time: on a busy machine a moment of the clock may hold none of it.
    works === true ? 'while (process.cpuUsage().user < 300_000)' : '',
    says === undefined
      ? ''
      : `console.log(${says.startsWith('$') ? `process.env.${says.slice(1)}` : JSON.stringify(says)})`,
    exits === undefined ? FOREVER : `process.exit(${exits})`,
  ].join('; ');

/** A container of this image that asks for nothing else. */
export const bareContainer = (image: string, more: Partial<RunContainer> = {}): RunContainer => ({
  image,
  definition: {},
  ports: [],
  host: '127.0.0.1',
  hosts: {},
  aliases: [],
  cpus: 0,
  memoryBytes: 0,
  memoryReservationBytes: 0,
  pids: 0,
  labels: {},
  stopSignal: 'SIGTERM',
  stopGraceMs: 10_000,
  probed: true,
  logMaxBytes: 1_000_000,
  ...more,
});

/** One home with its drivers, the later ones in place of a restarted agent's. */
export class DriverUnderTest {
  readonly home = realpathSync(mkdtempSync('/tmp/m-a'));
  private readonly made: Actuator[] = [];
  readonly actuator: Actuator;

  constructor(private readonly driver: ContractDriver) {
    this.actuator = this.another();
  }

  another(): Actuator {
    const made = this.driver.make(this.home);
    this.made.push(made);
    return made;
  }

  plan(id: string, command: readonly string[], more: Partial<RunPlan> = {}): RunPlan {
    const dir = join(this.home, id);
    mkdirSync(join(dir, 'run'), { recursive: true });
    const { container } = this.driver;
    return {
      level: 'shop',
      id,
      run: 1,
      dir,
      component: 'web',
      instanceClass: 'application',
      version: '1',
      command,
      cwd: container === undefined ? dir : '',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      fds: [],
      user: '',
      ...(container === undefined ? {} : { container: container() }),
      ...more,
    };
  }

  /** `program`: in JavaScript where it is a text. */
  async start(id: string, program: Program | string, more: Partial<RunPlan> = {}): Promise<Run> {
    const command = typeof program === 'string' ? ['node', '-e', program] : this.driver.command(program);
    const run = await this.actuator.start(this.plan(id, command, more));
    await run.started;
    return run;
  }

  output(id: string): string {
    return this.driver.output(this.home, id);
  }

  async said(id: string, text: string): Promise<void> {
    await until(`${id} says ${text}`, () => this.output(id).includes(text) || undefined, BOUND_MS);
  }

  async dispose(): Promise<void> {
    const last = this.another();
    await until(
      'nothing is left of it',
      async () => {
        if (!last.state().usable) throw new Error(last.state().detail);
        return (await last.sweep(() => false)).length === 0 || undefined;
      },
      BOUND_MS,
    );
    await last.forgetLevel('shop', { volumes: true });
    for (const made of this.made) made.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** `core`: for a way to an engine that others have been through, and that is slow. */
export const actuatorContract = (driver: ContractDriver, part: 'whole' | 'core' = 'whole'): void => {
  describe(`the ${driver.name} driver keeps the contract`, () => {
    let host: DriverUnderTest;
    beforeEach(() => {
      host = new DriverUnderTest(driver);
    });
    afterEach(() => host.dispose());

    /** The next agent's; what it drives may be far away. */
    const next = async (): Promise<Actuator> => {
      const another = host.another();
      await until('it can be used', () => another.state().usable || undefined, BOUND_MS);
      return another;
    };

    const adopt = async (by: Actuator, run: Run): Promise<Run> => {
      const [found] = await by.adopt([{ ...run.ref, thisBoot: true }]);
      if (found?.kind !== 'running') throw new Error(`not running but ${found?.kind}`);
      return found.run;
    };

    it('tells the exit code and keeps the output', async () => {
      const run = await host.start(
        'a',
        { says: '$SAID', exits: 3 },
        { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SAID: 'kept = "this"' } },
      );
      expect((await run.exited).code).toBe(3);
      expect(host.output('a')).toBe('kept = "this"\n');
    });

    it('tells 128 + n for a signal', async () => {
      const run = await host.start('a', {});
      expect(run.pid).toBeGreaterThan(0);
      expect(await run.signal('SIGKILL', false)).toBe(true);
      expect((await run.exited).code).toBe(137);
      expect(await run.signal('SIGKILL', false)).toBe(false);
    });

    it('stops politely within the grace and by force after it', async () => {
      const polite = await host.start('a', { says: 'up', onTerm: 7 });
      await host.said('a', 'up');
      expect((await polite.stop('SIGTERM', BOUND_MS)).code).toBe(7);
      const stubborn = await host.start('b', { says: 'up', onTerm: 'ignores' });
      await host.said('b', 'up');
      const long = stubborn.stop('SIGTERM', 600_000);
      // A driver whose witness was killed with the run does not know the code.
      expect([137, undefined]).toContain((await stubborn.stop('SIGTERM', 200)).code);
      expect([137, undefined]).toContain((await long).code);
    });

    it('is found again by the next agent, which sees its end', async () => {
      const run = await host.start('a', { says: 'up', onTerm: 5 });
      await host.said('a', 'up');
      host.actuator.close();
      const again = await adopt(await next(), run);
      expect(again.pid).toBe(run.pid);
      expect((await again.stop('SIGTERM', BOUND_MS)).code).toBe(5);
      expect(host.output('a')).toBe('up\n');
    });

    if (part === 'core') return;

    it('refuses what can never run', async () => {
      const refused = host.actuator.start(host.plan('a', ['true'], driver.impossible));
      await expect(refused).rejects.toThrow(MitosisError);
      await expect(refused).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('tells the next agent how a run ended meanwhile, and of one that never began', async () => {
      const run = await host.start('a', { says: 'up', onTerm: 6 });
      await host.said('a', 'up');
      host.actuator.close();
      driver.terminate(run.pid);
      await until('it has ended', () => !driver.alive(run.pid) || undefined, BOUND_MS);
      const never = { ...host.plan('never', []), thisBoot: true };
      const [ended, begun] = await (await next()).adopt([{ ...run.ref, thisBoot: true }, never]);
      const exit =
        ended?.kind === 'running'
          ? await ended.run.exited
          : ended?.kind === 'exited'
            ? ended.exit
            : undefined;
      expect(exit?.code).toBe(6);
      expect(begun?.kind).toBe('never-started');
    });

    it('ends strays and leaves what is current', async () => {
      const kept = await host.start('a', {});
      const stray = await host.start('b', {});
      const swept = await host.actuator.sweep(({ id }) => id === 'a');
      expect(swept.map(({ id }) => id)).toContain('b');
      expect(swept.map(({ id }) => id)).not.toContain('a');
      await stray.exited;
      expect(driver.alive(kept.pid)).toBe(true);
      expect(await host.actuator.sweep(({ id }) => id === 'a')).toEqual([]);
    });

    it('says what a run uses, and nothing of one that has ended', async () => {
      const run = await host.start('a', { works: true });
      const usage = await until(
        'a reading with processor time',
        async () => {
          await host.actuator.sweep(() => true);
          const found = host.actuator.usage(run);
          return found !== undefined && found.cpuSeconds > 0.1 ? found : undefined;
        },
        BOUND_MS,
      );
      // A shell that goes in circles has less than a MiB of its own.
      expect(usage.memoryBytes).toBeGreaterThan(100_000);
      expect(usage.processes).toBeGreaterThan(0);
      await run.stop('SIGTERM', 0);
      expect(host.actuator.usage(run)).toBeUndefined();
    });
  });
};

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
