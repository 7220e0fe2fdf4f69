/** The drivers of this host: what starts processes, and what starts containers on the host's engine. */
import {
  DockerActuator,
  ProcessActuator,
  type Actuator,
  type DriverName,
  type DriverState,
} from '@mitosis/actuators';
import { MitosisError, type agent } from '@mitosis/contracts';
import type { DockerSettings } from './agent.config.js';
import type { Instance } from './instances/instance.js';

export interface DriversOptions {
  readonly home: string;
  readonly docker: DockerSettings;
  readonly nowMs: () => number;
  readonly onDockerState: (state: DriverState) => void;
}

export class Drivers {
  readonly process: ProcessActuator;
  readonly docker: DockerActuator;
  readonly all: readonly Actuator[];

  constructor({ home, docker, nowMs, onDockerState }: DriversOptions) {
    const { host, certPath, pool } = docker;
    this.process = new ProcessActuator({ home, nowMs });
    this.docker = new DockerActuator({
      home,
      engine: { host, certPath },
      pool,
      nowMs,
      onState: onDockerState,
    });
    this.all = [this.process, this.docker];
  }

  of(name: string): Actuator {
    const found = this.all.find(({ driver }) => driver === name);
    if (found === undefined)
      throw new MitosisError('invalid_input', `this agent has no driver "${name}", only process and docker`);
    return found;
  }

  /** Where instances of the driver are reached; undefined: at the host's own address. */
  addressOf(name: string): string | undefined {
    return name === 'docker' ? this.docker.remoteHost : undefined;
  }

  /** Each driver finds its own runs again. */
  async adopt(instances: readonly Instance[], bootId: string): Promise<void> {
    await Promise.all(
      this.all.map(async (actuator) => {
        const own = instances.filter(({ state }) => state.spec.driver === actuator.driver);
        const adoptions = await actuator.adopt(
          own.map((instance) => ({
            level: instance.state.level,
            id: instance.id,
            run: instance.state.run,
            dir: instance.dir,
            thisBoot: instance.state.bootId === bootId,
          })),
        );
        for (const [index, instance] of own.entries()) {
          const adoption = adoptions[index];
          if (adoption !== undefined) instance.resume(adoption);
        }
      }),
    );
  }

  /** Whether what each drives answers; waits a moment for an engine that has not been asked yet. */
  async info(): Promise<agent.DriverInfo[]> {
    await this.docker.settled();
    return this.all.map((actuator) => {
      const { usable, detail, sinceMs } = actuator.state();
      return { driver: actuator.driver satisfies DriverName, usable, detail, sinceMs };
    });
  }

  async forgetLevel(level: string, what: { readonly volumes: boolean }): Promise<void> {
    for (const actuator of this.all) await actuator.forgetLevel(level, what);
  }

  close(): void {
    for (const actuator of this.all) actuator.close();
  }
}
