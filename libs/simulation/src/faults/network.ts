/** What can go wrong between any two parties. */
import type { Child } from '../host/host.js';
import type { SimLevel } from '../level/sim-level.js';
import { ETCD, type LinkFault, type Party } from '../world/network.js';
import { one, type Fault } from './fault.js';
import type { Random } from '../random.js';

const managementParties = (level: SimLevel): readonly Party[] =>
  [...level.managers(), ...level.routers()].map(({ id }) => id);

const agentParties = (level: SimLevel): readonly Party[] =>
  [...level.agents.values()].map(({ party }) => party);

const everyone = (level: SimLevel): readonly Party[] => [
  ETCD,
  ...managementParties(level),
  ...agentParties(level),
  ...level.hosts.map(({ site }) => `apps@${site}`),
];

const twoOf = (level: SimLevel, random: Random): readonly [Party, Party] | undefined => {
  const a = one(random, managementParties(level));
  const b = one(
    random,
    everyone(level).filter((party) => party !== a),
  );
  return a === undefined || b === undefined ? undefined : [a, b];
};

const between = (summary: string, fault: LinkFault): Fault => ({
  summary,
  lastsMs: [500, 9_000],
  begin: (level, random) => {
    const pair = twoOf(level, random);
    if (pair === undefined) return undefined;
    level.trace.add(`fault: ${fault} between ${pair[0]} and ${pair[1]}`);
    level.reach(`${fault}:${kindOf(pair[0])}-${kindOf(pair[1])}`);
    return level.network.disturb(pair[0], pair[1], fault);
  },
});

const kindOf = (party: Party): string => party.replace(/-[a-z0-9]{1,6}$/u, '').replace(/@.*/u, '');

const cutOff = (
  summary: string,
  parties: (level: SimLevel) => readonly Party[],
  fault: LinkFault,
): Fault => ({
  summary,
  lastsMs: [500, 9_000],
  begin: (level, random) => {
    const party = one(random, parties(level));
    if (party === undefined) return undefined;
    level.trace.add(`fault: ${party} is cut off (${fault})`);
    const ends = everyone(level)
      .filter((other) => other !== party)
      .map((other) => level.network.disturb(party, other, fault));
    return () => {
      for (const end of ends) end();
    };
  },
});

const silence = (level: SimLevel, routers: readonly Child[]): (() => void) | undefined => {
  const managers = level.managers();
  if (routers.length === 0 || managers.length === 0) return undefined;
  level.trace.add(`fault: the metrics of ${routers.map(({ id }) => id).join(', ')} are lost`);
  const ends = routers.flatMap((router) =>
    managers.map((manager) => level.network.disturb(router.id, manager.id, 'black')),
  );
  return () => {
    for (const end of ends) end();
  };
};

export const networkFaults = {
  'black-hole': between('nothing arrives between two parties', 'black'),
  cut: between('the connection between two parties is refused', 'cut'),
  'etcd-cut-off': {
    summary: 'one management process cannot reach etcd, everybody else can',
    lastsMs: [500, 9_000],
    begin: (level, random) => {
      const party = one(random, managementParties(level));
      if (party === undefined) return undefined;
      level.trace.add(`fault: ${party} does not reach etcd`);
      return level.network.disturb(party, ETCD, random.pick(['black', 'cut'] as const));
    },
  },
  'manager-isolated': cutOff(
    'a manager reaches nobody',
    (level) => level.managers().map(({ id }) => id),
    'black',
  ),
  'agent-isolated': cutOff('an agent is reached by nobody', agentParties, 'black'),
  'metrics-lost': {
    summary: 'no router is heard by any manager: all metrics are missing',
    lastsMs: [4_000, 12_000],
    begin: (level) => silence(level, level.routers()),
  },
  'silent-router': {
    summary: 'one router is heard by no manager: its part of the metrics is missing',
    lastsMs: [4_000, 12_000],
    begin: (level, random) => {
      const router = one(random, level.routers());
      return router === undefined ? undefined : silence(level, [router]);
    },
  },
  'manager-agent-split': {
    summary: 'one manager does not reach one agent: its acts are late',
    lastsMs: [1_000, 7_000],
    begin: (level, random) => {
      const manager = one(random, level.managers());
      const agent = one(random, agentParties(level));
      if (manager === undefined || agent === undefined) return undefined;
      level.trace.add(`fault: ${manager.id} does not reach ${agent}`);
      return level.network.disturb(manager.id, agent, 'black');
    },
  },
  'split-sites': {
    summary: 'the two machines do not reach each other',
    lastsMs: [1_000, 9_000],
    begin: (level) => {
      const inFirst = level.network.parties.filter((party) => level.network.hostOf(party) === 'site-1');
      level.trace.add('fault: the sites are split');
      return level.network.isolate(inFirst);
    },
  },
  delay: {
    summary: 'messages between two parties are late',
    lastsMs: [1_000, 9_000],
    begin: (level, random) => {
      const pair = twoOf(level, random);
      if (pair === undefined) return undefined;
      const ms = Math.round(random.between(50, 1_500));
      level.trace.add(`fault: ${ms} ms between ${pair[0]} and ${pair[1]}`);
      return level.network.slow(pair[0], pair[1], ms);
    },
  },
} as const satisfies Record<string, Fault>;
