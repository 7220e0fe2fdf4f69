/** How often what was reached: a run that reaches nothing proves nothing. */
import { KEYS, MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import { FAULT_NAMES, type FaultName } from '../faults/index.js';
import { putsOf } from '../invariants/writes.js';
import type { SimLevel } from '../level/sim-level.js';
import { SIMULATED_FUNCTIONS } from '../processes/manager.js';

export interface CoverageCounts {
  readonly faults: Readonly<Record<string, number>>;
  readonly missed: Readonly<Record<string, number>>;
  /** `a & b`: a fault that began while another was under way, names sorted. */
  readonly pairs: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
}

const add = (counts: Map<string, number>, key: string, times = 1): void => {
  counts.set(key, (counts.get(key) ?? 0) + times);
};

export const pairOf = (a: FaultName, b: FaultName): string => (a < b ? `${a} & ${b}` : `${b} & ${a}`);

/** Every pair two faults can make, also one fault with itself. */
export const ALL_PAIRS: readonly string[] = FAULT_NAMES.flatMap((a, i) =>
  FAULT_NAMES.slice(i).map((b) => pairOf(a, b)),
);

export class Coverage {
  private readonly faults = new Map<string, number>();
  private readonly misses = new Map<string, number>();
  private readonly pairs = new Map<string, number>();
  private readonly states = new Map<string, number>();

  reached(fault: FaultName, active: readonly FaultName[]): void {
    add(this.faults, fault);
    for (const other of active) add(this.pairs, pairOf(fault, other));
  }

  /** There was nothing to do it to. */
  missed(fault: FaultName): void {
    add(this.misses, fault);
  }

  addStates(states: ReadonlyMap<string, number>): void {
    for (const [state, times] of states) add(this.states, state, times);
  }

  add(counts: CoverageCounts): void {
    for (const [key, times] of Object.entries(counts.faults)) add(this.faults, key, times);
    for (const [key, times] of Object.entries(counts.missed)) add(this.misses, key, times);
    for (const [key, times] of Object.entries(counts.pairs)) add(this.pairs, key, times);
    for (const [key, times] of Object.entries(counts.states)) add(this.states, key, times);
  }

  get counts(): CoverageCounts {
    const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
      Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    return {
      faults: sorted(this.faults),
      missed: sorted(this.misses),
      pairs: sorted(this.pairs),
      states: sorted(this.states),
    };
  }
}

/** Kinds of parties with management at one end: nobody else has anything to say to each other. */
const SEPARABLE: readonly string[] = ['mitosis-manager', 'mitosis-router'].flatMap((one) =>
  ['etcd', 'mitosis-manager', 'mitosis-router', 'agent', 'apps'].map((other) => `${one}-${other}`),
);

/** States every large run must have been in. */
export const EXPECTED_STATES: readonly string[] = [
  ...['starting', 'running', 'ready', 'draining', 'stopping', 'failed', 'completed'].map(
    (phase) => `phase:${phase}`,
  ),
  ...SIMULATED_FUNCTIONS.flatMap((fn) => [`leads:${fn}`, `session ended:${fn}`]),
  'act refused by the fence',
  'a commit refused',
  'adopted',
  'a stray stopped',
  'lease expired',
  'lease revoked',
  'scaled out',
  'scaled in',
  ...['black', 'cut'].flatMap((how) => SEPARABLE.map((pair) => `${how}:${pair}`)),
];

/** Counts states of the level while it runs. */
export const watchStates = (level: SimLevel): void => {
  let target = 0;
  level.etcd.onLease(({ kind }) => {
    if (kind === 'expired' || kind === 'revoked') level.reach(`lease ${kind}`);
  });
  level.observe({
    onSpawn: (host, child) => {
      const others = level.managers().filter((other) => level.hostOf(other) !== host);
      if (child.component === MANAGEMENT_COMPONENTS.manager && others.length > 0)
        level.reach('managers on both sites');
    },
    onTxn: (seen) => {
      if (!seen.response.succeeded) level.reach('a commit refused');
      for (const { value } of putsOf(seen, 'instances')) {
        level.reach(`phase:${value.phase}`);
      }
      for (const { value } of putsOf(seen, 'decisions')) {
        if (value.action === 'adopt') level.reach('adopted');
        if (value.reason.startsWith('it runs without a record')) level.reach('a stray stopped');
      }
      for (const { name, value } of putsOf(seen, 'targets')) {
        if (KEYS.target(name) !== KEYS.target('web')) continue;
        if (target > 0 && value.count > target) level.reach('scaled out');
        if (value.count < target) level.reach('scaled in');
        target = value.count;
      }
    },
    onStoreReplaced: () => level.reach('store restored'),
  });
};
