/** The level that is replayed live, and what the simulation has to know of it: one tier of known capacity. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TypeGraph } from '@mitosis/contracts';
import { loadComposition } from '@mitosis/model';
import type { ComponentTraits } from '@mitosis/simulation/workload';

/** Mean and squared coefficient of variation of what a request takes, as the first tier of `bench:autoscale` has them. */
export const SERVICE = { meanMs: 50, scv: 0.2 } as const;
/** Requests per second one instance can serve. */
export const CAPACITY = 1_000 / SERVICE.meanMs;
export const OBJECTIVE_MS = 200;
export const COMPONENT = 'web';
export const LEVEL = 'live';
const INSTANCES_MAX = 24;
/** What a process takes to start beside the delay it is told. */
const SPAWN_MS = 300;

/** A policy as it is named here, and as the composition says it. */
export interface LivePolicy {
  readonly name: string;
  readonly yaml: string;
}

/**
 * `slo`, or `hpa@0.7`: on requests per second at a share of what an instance can serve. The trace is shortened, and so is
 * the five minutes' window before hpa scales in: at its default it would keep the highest count to the end.
 */
export const livePolicy = (text: string): LivePolicy => {
  if (text === 'slo') return { name: text, yaml: '{ kind: slo }' };
  const share = /^hpa@(0\.\d+|1)$/.exec(text)?.[1];
  if (share === undefined) throw new Error(`no policy ${text}: there are slo and hpa@<share of capacity>`);
  const rate = Number((Number(share) * CAPACITY).toFixed(3));
  return { name: text, yaml: `{ kind: hpa, metric: rps, value: ${rate}/s, down: { window: 60s } }` };
};

export interface LiveApplication {
  readonly file: string;
  readonly typeGraph: TypeGraph;
  readonly traits: ComponentTraits;
  readonly initial: number;
  readonly url: string;
  /** Writes the composition anew with the policy; until then the count is fixed. */
  withPolicy(): void;
  remove(): void;
}

export interface ApplicationOptions {
  readonly policy: LivePolicy;
  readonly port: number;
  readonly startMs: number;
  /** Requests per second at the beginning: half of what the first instances can serve. */
  readonly rate: number;
}

const compositionOf = (
  port: number,
  startMs: number,
  initial: number,
  policy: string,
): string => `name: ${LEVEL}
x-mitosis:
  entry: ${COMPONENT}
  objective: { p99: ${OBJECTIVE_MS}ms }
services:
  ${COMPONENT}:
    command: ['node', 'server.mjs']
    ports: ['127.0.0.1:${port}:8080']
    environment: { START_MS: '${startMs}' }
    deploy: { replicas: ${initial} }
    x-mitosis:
      scale: { min: 1, max: ${INSTANCES_MAX} }
      policy: ${policy}
`;

/** Writes the composition and its program into a folder of its own. */
export const makeApplication = ({ policy, port, startMs, rate }: ApplicationOptions): LiveApplication => {
  const folder = mkdtempSync('/tmp/m-live-');
  const file = join(folder, 'compose.yaml');
  const initial = Math.max(1, Math.ceil(rate / CAPACITY / 0.6));
  copyFileSync(join(import.meta.dirname, 'server.mjs'), join(folder, 'server.mjs'));
  const write = (yaml: string): void => writeFileSync(file, compositionOf(port, startMs, initial, yaml));
  write(policy.yaml);
  const loaded = loadComposition({
    files: [file],
    projectDir: folder,
    env: {},
    envFiles: [],
    profiles: [],
    read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  write('fixed');
  return {
    file,
    typeGraph: loaded.typeGraph,
    traits: {
      service: SERVICE,
      concurrency: 1,
      startMs: startMs + SPAWN_MS,
      cpuShare: 0.02,
      memoryBytes: 48e6,
      visits: {},
      measured: true,
    },
    initial,
    url: `http://127.0.0.1:${port}/`,
    withPolicy: () => write(policy.yaml),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};
