/** A real etcd for tests: own temporary directory, free loopback ports, killed and removed by its `stop`. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_BOUND_MS = 20_000;
const FILLER_BYTES = 1_000_000;
const FILLERS_MAX = 200;

/** A loopback port that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

/** Polls until `condition` holds; throws after `boundMs` with `what` in the message. */
export const eventually = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  boundMs = 10_000,
): Promise<void> => {
  const endMs = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
};

export interface TestEtcdOptions {
  /** `--quota-backend-bytes`; default: etcd's own 2 GB. */
  readonly quotaBytes?: number;
  /** Address of client and peer port; default 127.0.0.1. */
  readonly host?: string;
}

export class TestEtcd {
  #process: ChildProcess | undefined;
  #initialCluster: string;

  private constructor(
    readonly directory: string,
    readonly name: string,
    readonly port: number,
    private readonly peerPort: number,
    private readonly options: TestEtcdOptions,
  ) {
    this.#initialCluster = `${name}=${this.peerUrl}`;
  }

  /** Starts one member and resolves when it answers. */
  static async start(options: TestEtcdOptions = {}): Promise<TestEtcd> {
    const etcd = await TestEtcd.#prepare('one', options);
    await etcd.run();
    return etcd;
  }

  /** Starts so many members of one cluster and resolves when all answer. */
  static async cluster(members: number): Promise<readonly TestEtcd[]> {
    const all: TestEtcd[] = [];
    for (let n = 0; n < members; n++) all.push(await TestEtcd.#prepare(`m${n}`, {}));
    const initialCluster = all.flatMap((one) => one.#initialCluster).join(',');
    for (const one of all) one.#initialCluster = initialCluster;
    await Promise.all(all.map((one) => one.run()));
    return all;
  }

  static async #prepare(name: string, options: TestEtcdOptions): Promise<TestEtcd> {
    const directory = await mkdtemp(join(tmpdir(), 'm-etcd-'));
    return new TestEtcd(directory, name, await freePort(), await freePort(), options);
  }

  get peerUrl(): string {
    return `http://${this.#host}:${this.peerPort}`;
  }

  get #host(): string {
    return this.options.host ?? '127.0.0.1';
  }

  get url(): string {
    return `http://${this.#host}:${this.port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it (again) on its ports and data. */
  async run(): Promise<void> {
    const { peerUrl: peer } = this;
    this.#process = spawn(
      'etcd',
      [
        `--name=${this.name}`,
        `--data-dir=${this.#dataDirectory}`,
        `--listen-client-urls=${this.url}`,
        `--advertise-client-urls=${this.url}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${this.#initialCluster}`,
        `--quota-backend-bytes=${this.options.quotaBytes ?? 0}`,
        '--max-txn-ops=512',
        '--logger=zap',
        '--log-level=error',
        // Durability is not under test, and eight fsyncs a write would make slow disks fail deadlines.
        '--unsafe-no-fsync',
      ],
      { stdio: 'ignore' },
    );
    await eventually('etcd answers', () => this.#answers(), START_BOUND_MS);
  }

  /** Kills it at once and resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops all its threads without closing anything, or lets them go on. */
  freeze(frozen: boolean): void {
    this.#process?.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Saves a snapshot and returns its path. */
  async snapshot(): Promise<string> {
    const path = join(this.directory, `snapshot-${process.hrtime.bigint()}.db`);
    await this.ctl('snapshot', 'save', path);
    return path;
  }

  /** Replaces the data by a snapshot's (same cluster id, older revision) and starts again. */
  async restore(snapshot: string): Promise<void> {
    await this.kill();
    await rm(this.#dataDirectory, { recursive: true, force: true });
    const { peerUrl: peer } = this;
    await this.ctl(
      'snapshot',
      'restore',
      snapshot,
      `--name=${this.name}`,
      `--initial-cluster=${this.#initialCluster}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--data-dir=${this.#dataDirectory}`,
    );
    await this.run();
  }

  /** Writes until the space is used up; the returned function makes space again and ends the alarm. */
  async exhaust(): Promise<() => Promise<void>> {
    const filler = 'x'.repeat(FILLER_BYTES);
    const put = (n: number): Promise<boolean> =>
      fetch(`${this.url}/v3/kv/put`, {
        method: 'POST',
        body: JSON.stringify({ key: btoa(`filler/${n}`), value: btoa(filler) }),
      }).then((response) => response.ok);
    for (let n = 0; await put(n); n++) if (n > FILLERS_MAX) throw new Error('etcd never ran out of space');
    return async () => {
      await this.ctl('del', '--prefix', 'filler/');
      await this.compact();
      await this.ctl('defrag');
      await this.ctl('alarm', 'disarm');
    };
  }

  /** Loses all data and starts as a new cluster at the same address. */
  async empty(): Promise<void> {
    await this.kill();
    await rm(this.#dataDirectory, { recursive: true, force: true });
    await this.run();
  }

  /** Forgets the history before the newest revision. */
  async compact(): Promise<void> {
    const status: unknown = JSON.parse(await this.ctl('endpoint', 'status', '--write-out=json'));
    const revision = /"revision":(\d+)/u.exec(JSON.stringify(status))?.[1] ?? '1';
    await this.ctl('compact', revision);
  }

  /** Runs etcdctl against this member and returns what it printed. */
  async ctl(...args: string[]): Promise<string> {
    const { stdout } = await run('etcdctl', args, {
      env: { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: this.url },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }

  get #dataDirectory(): string {
    return join(this.directory, 'data');
  }

  async #answers(): Promise<boolean> {
    if (this.#process === undefined || this.#process.exitCode !== null)
      throw new Error('etcd ended at its start');
    try {
      const response = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) });
      return response.ok && (await response.text()).includes('true');
    } catch {
      return false;
    }
  }
}
