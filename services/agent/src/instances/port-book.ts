/**
 * Hands out the ports of this host, one request after the other. What is in use is asked of those who use it; what was
 * released lately is remembered on disk by the caller.
 */
import { MitosisError, type agent } from '@mitosis/contracts';
import { isPortFree } from '../adapters/bound-socket.js';
import { portCandidates, restPorts, type PortRange, type RestingPort } from '../decide/ports.js';

/** So many ports that cannot be bound in a row mean that something else is wrong. */
const ATTEMPTS_MAX = 500;

export interface PortBookOptions {
  readonly range: PortRange;
  /** Differs from home to home, so that hosts on one machine do not run into each other. */
  readonly seed: number;
  readonly inUse: () => Iterable<number>;
  readonly nowMs: () => number;
}

export class PortBook {
  private cursor: number;
  private turn: Promise<unknown> = Promise.resolve();
  /** Handed out, not yet in any record. */
  private readonly pending = new Set<number>();
  private resting: readonly RestingPort[] = [];

  constructor(private readonly options: PortBookOptions) {
    this.cursor = options.seed;
  }

  restore(resting: readonly RestingPort[]): void {
    this.resting = resting;
  }

  /** What is to be remembered on disk after ports were given back. */
  release(ports: readonly number[], owner: string): readonly RestingPort[] {
    this.resting = restPorts(this.resting, ports, owner, this.options.nowMs());
    return this.resting;
  }

  /** `settle` once the ports are in a record, or are not wanted after all. */
  async allot(
    owner: string,
    host: string,
    requests: readonly agent.PortRequest[],
  ): Promise<{ readonly ports: Readonly<Record<string, number>>; settle(): void }> {
    const ports: Record<string, number> = {};
    const settle = (): void => Object.values(ports).forEach((port) => this.pending.delete(port));
    try {
      for (const { name, fixed } of requests) {
        if (fixed > 0) ports[name] = fixed;
        else
          ports[name] = (
            await this.take(owner, async (port) => ((await isPortFree(host, port)) ? true : undefined))
          ).port;
      }
    } catch (error) {
      settle();
      throw error;
    }
    return { ports, settle };
  }

  /** The first port for which `attempt` answers; it stays reserved until `done` is called with it. */
  take<T>(
    owner: string,
    attempt: (port: number) => Promise<T | undefined>,
  ): Promise<{ port: number; value: T }> {
    const result = this.turn.then(() => this.search(owner, attempt));
    this.turn = result.catch(() => undefined);
    return result;
  }

  done(port: number): void {
    this.pending.delete(port);
  }

  private async search<T>(
    owner: string,
    attempt: (port: number) => Promise<T | undefined>,
  ): Promise<{ port: number; value: T }> {
    const { range, inUse, nowMs } = this.options;
    const taken = new Set([...inUse(), ...this.pending]);
    let tried = 0;
    const { cursor, resting } = this;
    for (const port of portCandidates({ range, taken, resting, owner, cursor, nowMs: nowMs() })) {
      this.cursor = port - range.first + 1;
      const value = await attempt(port);
      if (value !== undefined) {
        this.pending.add(port);
        return { port, value };
      }
      tried += 1;
      if (tried >= ATTEMPTS_MAX) break;
    }
    throw new MitosisError(
      'exhausted',
      `no free port in ${range.first}-${range.last} (${tried} could not be bound)`,
    );
  }
}
