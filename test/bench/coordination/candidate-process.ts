/** Starts and signals the processes whose failover is measured. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { NetworkNamespace } from './network-namespace.js';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
export const PROGRAMS = {
  mitosis: `${REPOSITORY}libs/coordination/src/leader-process.testing.ts`,
  etcd3: `${REPOSITORY}test/bench/coordination/etcd3-process.ts`,
} as const;
export type Program = keyof typeof PROGRAMS;

/** Bundled once, so that a replacement is there quickly; packages stay outside, as etcd3 reads files beside itself. */
export const bundle = async (program: Program): Promise<string> => {
  const outfile = `${REPOSITORY}test/node_modules/.cache/coordination-bench/${program}.mjs`;
  await build({
    entryPoints: [PROGRAMS[program]],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['mitosis-source'],
    external: ['etcd3', 'etcd3/*', '@grpc/grpc-js'],
    logLevel: 'error',
  });
  return outfile;
};

export interface CandidateOptions {
  readonly replica: string;
  /** As `bundle` returned it. */
  readonly file: string;
  readonly endpoint: string;
  readonly leaseTtlMs: number;
  readonly level?: string;
  readonly tellActs?: boolean;
  /** Runs in there. */
  readonly namespace?: NetworkNamespace;
}

export class CandidateProcess {
  readonly replica: string;
  readonly #child: ChildProcess;
  readonly #first = new Map<string, number>();
  readonly #last = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  #wake: () => void = () => undefined;

  constructor(options: CandidateOptions) {
    const { replica, file, endpoint, leaseTtlMs, level, tellActs, namespace } = options;
    this.replica = replica;
    const host = namespace?.address;
    const args = JSON.stringify({ endpoints: [endpoint], replica, leaseTtlMs, level, tellActs, host });
    const [program, ...rest] = [...(namespace?.within ?? []), process.execPath, file, args];
    this.#child = spawn(program ?? '', rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no output');
    createInterface(this.#child.stdout).on('line', (line) => {
      const { event, atMs } = JSON.parse(line) as { readonly event: string; readonly atMs: number };
      if (!this.#first.has(event)) this.#first.set(event, atMs);
      this.#last.set(event, atMs);
      this.#counts.set(event, this.count(event) + 1);
      this.#wake();
    });
  }

  count(event: string): number {
    return this.#counts.get(event) ?? 0;
  }

  /** Machine time in ms of the newest such event; -Infinity: none. */
  lastAt(event: string): number {
    return this.#last.get(event) ?? -Infinity;
  }

  /** Machine time in ms of the first such event; waits for it. */
  async at(event: string, boundMs = 30_000): Promise<number> {
    const endMs = performance.now() + boundMs;
    for (;;) {
      const atMs = this.#first.get(event);
      if (atMs !== undefined) return atMs;
      if (performance.now() > endMs) throw new Error(`${this.replica}: no ${event} within ${boundMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Returns the machine time in ms at which it was sent. */
  signal(name: NodeJS.Signals): number {
    const atMs = Number(process.hrtime.bigint()) / 1e6;
    this.#child.kill(name);
    return atMs;
  }

  async gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.gone();
  }
}
