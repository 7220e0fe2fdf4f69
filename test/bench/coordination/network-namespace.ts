/**
 * A network namespace with one link to this machine, whose packets can be dropped: all of them (a host that is cut off)
 * or each with a probability. Needs root, iproute2 and iptables; removes what it made.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (...args: string[]): Promise<unknown> => run('ip', args);
/** As the process in there sees it. */
const LINK = 'net0';
let made = 0;

export class NetworkNamespace {
  private constructor(
    readonly name: string,
    /** Of the process that runs in it. */
    readonly address: string,
    /** Of this machine, seen from there. */
    readonly machine: string,
  ) {}

  static isPossible(): boolean {
    return process.getuid?.() === 0;
  }

  static async create(): Promise<NetworkNamespace> {
    const n = made++;
    const name = `mb${process.pid}x${n}`;
    const net = `10.${200 + (process.pid % 50)}.${n}`;
    const space = new NetworkNamespace(name, `${net}.2`, `${net}.1`);
    await ip('netns', 'add', name);
    await ip('link', 'add', space.#link, 'type', 'veth', 'peer', 'name', LINK, 'netns', name);
    await ip('addr', 'add', `${space.machine}/30`, 'dev', space.#link);
    await ip('link', 'set', space.#link, 'up');
    await space.#inside('ip', 'addr', 'add', `${space.address}/30`, 'dev', LINK);
    for (const link of [LINK, 'lo']) await space.#inside('ip', 'link', 'set', link, 'up');
    return space;
  }

  /** What a command is put after to run in there. */
  get within(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  /** Drops everything both ways, without a word to anybody. */
  async cutOff(): Promise<void> {
    for (const [chain, side] of DIRECTIONS)
      await this.#inside('iptables', '-A', chain, side, LINK, '-j', 'DROP');
  }

  /** Drops each packet with this probability, both ways. */
  async lose(share: number): Promise<void> {
    const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)];
    for (const [chain, side] of DIRECTIONS) {
      await this.#inside('iptables', '-A', chain, side, LINK, ...random, '-j', 'DROP');
    }
  }

  /** Packets dropped since the rule was made. */
  async dropped(): Promise<number> {
    const { stdout } = await run('ip', ['netns', 'exec', this.name, 'iptables', '-L', '-n', '-v', '-x']);
    return [...stdout.matchAll(/^\s*(\d+)\s+\d+\s+DROP/gmu)].reduce((sum, [, n]) => sum + Number(n), 0);
  }

  async heal(): Promise<void> {
    await this.#inside('iptables', '-F');
  }

  async remove(): Promise<void> {
    await ip('netns', 'del', this.name);
  }

  get #link(): string {
    return `${this.name}l`;
  }

  async #inside(...command: string[]): Promise<void> {
    await run('ip', ['netns', 'exec', this.name, ...command]);
  }
}

const DIRECTIONS = [
  ['INPUT', '-i'],
  ['OUTPUT', '-o'],
] as const;
