/**
 * The network between all parties of a simulation: processes, agents, etcd. One link per pair, in order, with a delay of
 * its own; a link can be black (nothing arrives, nobody is told) or cut (everything breaks, new attempts are refused).
 */
import { MemoryLink, type MemoryEtcd, type VirtualClock } from '@mitosis/coordination';
import type { Random } from '../random.js';

export type Party = string;
export const ETCD: Party = 'etcd';

export type LinkFault = 'black' | 'cut';

/** gRPC's keep-alive ends a connection on which nothing comes back: 5 s between pings, 2 s for the answer. */
const KEEP_ALIVE_MS = 7_000;
const DELAY_MAX_MS = 2;

interface Pair {
  readonly a: Party;
  readonly b: Party;
  readonly link: MemoryLink;
  /** Faults that hold it now: a link is whole when none does. */
  readonly faults: LinkFault[];
  readonly delayMs: number;
  extraDelayMs: number;
}

const keyOf = (a: Party, b: Party): string => (a < b ? `${a}|${b}` : `${b}|${a}`);

export class Network {
  private readonly pairs = new Map<string, Pair>();
  private readonly hosts = new Map<Party, string>();

  constructor(
    private readonly clock: VirtualClock,
    private readonly etcd: MemoryEtcd,
    private readonly random: Random,
  ) {}

  /** Says on which host a party is; parties of one host are closer to each other. */
  join(party: Party, host: string): void {
    this.hosts.set(party, host);
  }

  hostOf(party: Party): string {
    return this.hosts.get(party) ?? '';
  }

  /** Parties that are known, sorted. */
  get parties(): readonly Party[] {
    return [...this.hosts.keys()].sort();
  }

  link(a: Party, b: Party): MemoryLink {
    return this.pair(a, b).link;
  }

  /** Carries one message; lost when the connection breaks first. */
  carry(from: Party, to: Party, deliver: () => void): void {
    this.link(from, to).carry(from < to ? 'toServer' : 'toClient', deliver);
  }

  isCut(a: Party, b: Party): boolean {
    return this.pair(a, b).faults.includes('cut');
  }

  isWhole(a: Party, b: Party): boolean {
    return this.pair(a, b).faults.length === 0;
  }

  /** Returns what ends it. */
  disturb(a: Party, b: Party, fault: LinkFault): () => void {
    const pair = this.pair(a, b);
    pair.faults.push(fault);
    this.settle(pair);
    if (fault === 'black') this.endByKeepAlive(pair);
    return () => {
      pair.faults.splice(pair.faults.indexOf(fault), 1);
      this.settle(pair);
    };
  }

  slow(a: Party, b: Party, delayMs: number): () => void {
    const pair = this.pair(a, b);
    pair.extraDelayMs += delayMs;
    pair.link.delay(pair.delayMs + pair.extraDelayMs);
    return () => {
      pair.extraDelayMs -= delayMs;
      pair.link.delay(pair.delayMs + pair.extraDelayMs);
    };
  }

  /** Everything the party has open breaks: its process ended. */
  reset(party: Party): void {
    for (const pair of this.pairs.values()) if (pair.a === party || pair.b === party) pair.link.reset();
  }

  /** Nobody hears anything of the party any more, until it is told otherwise: its host is gone. */
  isolate(parties: readonly Party[]): () => void {
    const inside = new Set(parties);
    const ends: (() => void)[] = [];
    for (const a of inside)
      for (const b of this.parties) if (!inside.has(b)) ends.push(this.disturb(a, b, 'black'));
    return () => {
      for (const end of ends) end();
    };
  }

  private pair(a: Party, b: Party): Pair {
    const key = keyOf(a, b);
    const known = this.pairs.get(key);
    if (known !== undefined) return known;
    const client = a === ETCD ? b : a;
    const link = b === ETCD || a === ETCD ? this.etcd.link(client) : new MemoryLink(key, this.clock);
    const isNear = this.hosts.has(a) && this.hosts.get(a) === this.hosts.get(b);
    // Drawn from the pair's name: the order in which pairs meet changes nothing.
    const delayMs = isNear ? 0 : Math.floor(this.random.split(key).next() * DELAY_MAX_MS * 10) / 10;
    link.delay(delayMs);
    const pair: Pair = { a, b, link, faults: [], delayMs, extraDelayMs: 0 };
    this.pairs.set(key, pair);
    return pair;
  }

  private settle({ link, faults }: Pair): void {
    if (faults.includes('cut')) link.cut();
    else if (faults.includes('black')) link.blackHole();
    else link.heal();
  }

  private endByKeepAlive(pair: Pair): void {
    // etcd's clients look for themselves whether anything comes back.
    if (pair.a === ETCD || pair.b === ETCD) return;
    this.clock.setTimer(KEEP_ALIVE_MS, () => {
      if (pair.faults.includes('black')) pair.link.reset();
    });
  }
}
