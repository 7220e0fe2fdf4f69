/**
 * Another "host" on this machine: an agent with a state directory and a loopback address of its own, which a level reaches
 * over TCP. It can be lost for good, with everything that runs on it and all its data.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './host.js';
import { hostProcesses, killProcesses, type HostProcess } from './processes.js';
import { until } from './until.js';

const AGENT = join(REPOSITORY, 'services/agent/dist/bundle/main.mjs');
const BOUND_MS = 20_000;

export class FurtherHost {
  readonly home = mkdtempSync('/tmp/m-');
  private readonly child: ChildProcess;

  /** `agent`: `host:port` its agent listens at. */
  constructor(
    readonly address: string,
    readonly agent: string,
  ) {
    this.child = spawn(process.execPath, [AGENT], {
      cwd: '/',
      env: {
        PATH: process.env['PATH'],
        MITOSIS_HOME: this.home,
        MITOSIS_HOST: address,
        MITOSIS_AGENT_LISTEN: agent,
      },
      stdio: 'ignore',
    });
  }

  async answers(): Promise<void> {
    const socket = join(this.home, 'agent.sock');
    await until(`an agent at ${socket}`, () => existsSync(socket) || undefined, BOUND_MS);
  }

  processes(): HostProcess[] {
    return hostProcesses(this.home);
  }

  /** Everything of it ends at once, and nothing of it is left. */
  async lose(): Promise<void> {
    await until(
      `nothing of ${this.home} runs`,
      () => {
        this.child.kill('SIGKILL');
        return killProcesses(this.home) || undefined;
      },
      BOUND_MS,
    );
    rmSync(this.home, { recursive: true, force: true });
  }
}
