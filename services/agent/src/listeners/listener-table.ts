/**
 * The sockets of this host's routers: bound once, held for good, handed over by inheritance. The address of a name never
 * changes. Must never accept a connection, and never let go of a socket but by a release.
 */
import type { agent } from '@mitosis/contracts';
import {
  adoptSocket,
  allotSocket,
  bindSocket,
  isPortFree,
  type BindResult,
  type BoundSocket,
} from '../adapters/bound-socket.js';
import type { Log } from '../adapters/log.js';
import type { PortBook } from '../instances/port-book.js';
import type { ListenerState } from '../state/records.js';
import type { Keeper, KeptSocket } from './keeper.js';

/** A port that routers of before still hold is asked for again this often. */
const RETRY_MS = 250;
/** A dead keeper is replaced within this. */
const KEEPER_CHECK_MS = 2_000;

interface Entry {
  readonly level: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  socket: BoundSocket | undefined;
  error: string;
}

export interface ListenerTableOptions {
  /** False: the routers bind for themselves, here addresses are only allotted and remembered. */
  readonly held: boolean;
  readonly ports: PortBook;
  readonly keeper: Keeper;
  readonly log: Log;
  /** A socket that was missing is bound now. */
  readonly onBound: (level: string, name: string) => void;
}

export class ListenerTable {
  private readonly entries = new Map<string, Entry>();
  private readonly retryTimer: NodeJS.Timeout;
  private readonly keeperTimer: NodeJS.Timeout;
  private replacing = false;

  constructor(private readonly options: ListenerTableOptions) {
    this.retryTimer = setInterval(() => this.retry(), RETRY_MS).unref();
    this.keeperTimer = setInterval(() => this.replaceDeadKeeper(), KEEPER_CHECK_MS).unref();
  }

  /** At the agent's start: inherited where possible, else bound again. */
  restore(
    level: string,
    known: Readonly<Record<string, ListenerState>>,
    inherited: readonly KeptSocket[],
  ): void {
    for (const [name, { host, port }] of Object.entries(known)) {
      const kept = inherited.find(
        (one) => one.level === level && one.name === name && one.host === host && one.port === port,
      );
      const adopted = kept === undefined ? undefined : adoptSocket(kept.fd, host);
      const usable = adopted?.kind === 'bound' && adopted.socket.port === port ? adopted : undefined;
      this.put({ level, name, host, port }, usable ?? this.bind(host, port));
    }
  }

  private put(entry: Omit<Entry, 'socket' | 'error'>, result: BindResult): Entry {
    const whole: Entry = {
      ...entry,
      socket: result.kind === 'bound' ? result.socket : undefined,
      error: result.kind === 'bound' ? '' : explain(result.code, entry.host, entry.port),
    };
    this.entries.set(keyOf(entry.level, entry.name), whole);
    return whole;
  }

  /** Two sockets that do not listen yet can be bound to one address: the table knows better than the kernel. */
  private bind(host: string, port: number, self?: Entry): BindResult {
    const taken = [...this.entries.values()].some(
      (one) => one !== self && one.socket !== undefined && one.port === port && overlaps(one.host, host),
    );
    if (taken) return { kind: 'failed', code: 'EADDRINUSE' };
    return this.options.held ? bindSocket(host, port) : allotSocket(host, port);
  }

  /**
   * Binds what is not bound yet. `remember` gets all addresses of the level and resolves when they are on disk. An
   * address that cannot be bound is answered with its error and, once it has a port, tried again for ever.
   */
  async ensure(
    level: string,
    requests: readonly agent.ListenerRequest[],
    remember: (addresses: Readonly<Record<string, ListenerState>>) => Promise<void>,
  ): Promise<agent.Listener[]> {
    let changed = false;
    const failed: agent.Listener[] = [];
    for (const request of requests) {
      if (this.entries.has(keyOf(level, request.name))) continue;
      const answer = await this.add(level, request);
      if (answer === undefined) changed = true;
      else failed.push(answer);
    }
    if (changed) {
      await remember(this.addresses(level));
      await this.options.keeper.hold(() => this.kept());
    }
    return requests.flatMap(({ name }) => {
      const entry = this.entries.get(keyOf(level, name));
      const found = entry === undefined ? failed.find((one) => one.name === name) : toListener(entry);
      return found === undefined ? [] : [found];
    });
  }

  /** What to answer when it is not taken into the table. */
  private async add(level: string, request: agent.ListenerRequest): Promise<agent.Listener | undefined> {
    const { name, host } = request;
    if (request.port > 0) {
      const { port } = request;
      const result = this.bind(host, port);
      // Not remembered: the wanted port was never this level's, and nobody was told of it.
      if (result.kind === 'failed') return { name, host, port, error: explain(result.code, host, port) };
      this.put({ level, name, host, port }, result);
      return undefined;
    }
    const { ports } = this.options;
    const { port, value } = await ports.take(`${level}/${name}`, async (candidate) => {
      const free = this.options.held || (await isPortFree(host, candidate));
      const result = free ? this.bind(host, candidate) : undefined;
      return result?.kind === 'bound' ? result : undefined;
    });
    this.put({ level, name, host, port }, value);
    ports.done(port);
    return undefined;
  }

  async release(
    level: string,
    names: readonly string[] | 'all',
    remember: (addresses: Readonly<Record<string, ListenerState>>) => Promise<void>,
  ): Promise<readonly number[]> {
    const gone = [...this.entries.values()].filter(
      (one) => one.level === level && (names === 'all' || names.includes(one.name)),
    );
    if (gone.length === 0) return [];
    for (const { name } of gone) this.entries.delete(keyOf(level, name));
    await remember(this.addresses(level));
    // First the keeper: a socket closed here only would stay open there.
    await this.options.keeper.hold(() => this.kept());
    for (const { socket } of gone) socket?.close();
    return gone.map(({ port }) => port);
  }

  /** For a start: the descriptors in order and how the new process finds them. Missing ones are left out. */
  open(
    level: string,
    names: readonly string[],
  ): { readonly fds: readonly number[]; readonly described: string } {
    const open = names.flatMap((name) => {
      const entry = this.entries.get(keyOf(level, name));
      return entry?.socket === undefined ? [] : [{ ...entry, socketFd: entry.socket.fd }];
    });
    return {
      fds: open.map(({ socketFd }) => socketFd),
      described: JSON.stringify(
        open.map(({ name, host, port }, index) => ({ name, fd: 3 + index, host, port })),
      ),
    };
  }

  list(level: string): agent.Listener[] {
    return [...this.entries.values()].filter((one) => one.level === level).map(toListener);
  }

  addresses(level: string): Readonly<Record<string, ListenerState>> {
    return Object.fromEntries(
      [...this.entries.values()]
        .filter((one) => one.level === level)
        .map(({ name, host, port }) => [name, { host, port }] as const),
    );
  }

  ports(): readonly number[] {
    return [...this.entries.values()].map(({ port }) => port);
  }

  private kept(): readonly KeptSocket[] {
    if (!this.options.held) return [];
    return [...this.entries.values()].flatMap(({ level, name, host, port, socket }) =>
      socket === undefined ? [] : [{ level, name, host, port, fd: socket.fd }],
    );
  }

  /** A keeper of this agent's own, in place of the one that started it. */
  keep(): Promise<void> {
    return this.options.keeper.hold(() => this.kept());
  }

  private retry(): void {
    let bound = false;
    for (const entry of this.entries.values()) {
      if (entry.socket !== undefined) continue;
      const result = this.bind(entry.host, entry.port, entry);
      if (result.kind === 'failed') continue;
      entry.socket = result.socket;
      entry.error = '';
      bound = true;
      this.options.onBound(entry.level, entry.name);
    }
    if (bound) this.replaceKeeper('a socket could be bound again');
  }

  private replaceDeadKeeper(): void {
    if (this.kept().length > 0 && !this.options.keeper.isAlive()) this.replaceKeeper('the keeper is gone');
  }

  private replaceKeeper(reason: string): void {
    if (this.replacing) return;
    this.replacing = true;
    void this.keep()
      .then(() => this.options.log.info({ reason }, 'a new keeper holds the sockets'))
      .catch((error: unknown) =>
        this.options.log.error({ reason, error: String(error) }, 'no keeper could be started'),
      )
      .finally(() => (this.replacing = false));
  }

  close(): void {
    clearInterval(this.retryTimer);
    clearInterval(this.keeperTimer);
  }
}

const keyOf = (level: string, name: string): string => `${level} ${name}`;

const WILDCARDS = new Set(['', '0.0.0.0', '::']);
const overlaps = (a: string, b: string): boolean => a === b || WILDCARDS.has(a) || WILDCARDS.has(b);

const toListener = ({ name, host, port, error }: Entry): agent.Listener => ({ name, host, port, error });

const explain = (code: string, host: string, port: number): string => {
  const where = `${host === '' ? '0.0.0.0' : host}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${where} is in use by another process`;
    case 'EACCES':
      return `${where} may not be bound by this user`;
    case 'EADDRNOTAVAIL':
      return `${where} is no address of this host`;
    default:
      return `${where} cannot be bound: ${code}`;
  }
};
