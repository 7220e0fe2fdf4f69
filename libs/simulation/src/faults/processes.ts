/** Crashes, stops, slow and flapping instances, lost machines. */
import type { Child, Host } from '../host/host.js';
import type { SimLevel } from '../level/sim-level.js';
import { once, one, type Fault } from './fault.js';

const KILLED = 137;

const crash = (summary: string, victims: (level: SimLevel) => readonly Child[]): Fault => ({
  summary,
  lastsMs: [0, 0],
  begin: (level, random) => {
    const victim = one(random, victims(level));
    if (victim === undefined) return undefined;
    level.trace.add(`fault: ${victim.id} is killed`);
    victim.end(KILLED);
    return once;
  },
});

const stop = (
  summary: string,
  lastsMs: readonly [number, number],
  victims: (level: SimLevel) => readonly Child[],
): Fault => ({
  summary,
  lastsMs,
  begin: (level, random) => {
    const victim = one(
      random,
      victims(level).filter(({ clock }) => !clock.isStopped),
    );
    if (victim === undefined) return undefined;
    level.trace.add(`fault: ${victim.id} is stopped`);
    victim.clock.stop();
    return () => victim.clock.resume();
  },
});

const management = (level: SimLevel): readonly Child[] => [...level.managers(), ...level.routers()];

const machine = (level: SimLevel, host: Host): readonly Child[] =>
  level.children().filter((child) => level.hostOf(child) === host);

export const processFaults = {
  'crash-manager': crash('a manager is killed', (level) => level.managers()),
  'crash-router': crash('a router is killed', (level) => level.routers()),
  'crash-instance': crash('an application instance is killed', (level) => level.apps()),
  'crash-etcd': crash('the etcd member is killed; its agent starts it again', (level) =>
    level.children().filter(({ component }) => component === 'mitosis-etcd'),
  ),
  'stop-briefly': stop('a management process is stopped for less than its lease', [300, 2_000], management),
  'stop-beyond-lease': stop(
    'a management process is stopped for longer than its lease',
    [3_500, 8_000],
    management,
  ),
  'stop-instance': stop('an application instance is stopped', [1_000, 5_000], (level) => level.apps()),
  'restart-agent': {
    summary: 'an agent is killed and started again a little later',
    lastsMs: [50, 3_000],
    begin: (level, random) => {
      const host = one(
        random,
        level.hosts.filter(({ site, isUp }) => isUp && level.agents.has(site)),
      );
      if (host === undefined) return undefined;
      level.trace.add(`fault: the agent of ${host.site} is killed`);
      level.killAgent(host);
      return () => level.startAgent(host);
    },
  },
  'stop-agent': {
    summary: 'an agent is stopped and goes on later',
    lastsMs: [500, 9_000],
    begin: (level, random) => {
      const agent = one(random, [...level.agents.values()]);
      if (agent === undefined) return undefined;
      level.trace.add(`fault: ${agent.party} is stopped`);
      agent.clock.stop();
      return () => agent.clock.resume();
    },
  },
  'lose-site': {
    summary: 'a machine loses its power and comes back',
    lastsMs: [1_000, 12_000],
    begin: (level, random) => {
      const host = one(
        random,
        level.hosts.filter(({ isUp }) => isUp),
      );
      if (host === undefined) return undefined;
      level.trace.add(`fault: ${host.site} is off`);
      return level.powerOff(host);
    },
  },
  suspend: {
    summary: 'a machine sleeps: its monotonic clock stands still, its boot clock goes on',
    lastsMs: [1_000, 8_000],
    begin: (level, random) => {
      const host = one(
        random,
        level.hosts.filter(({ isUp }) => isUp),
      );
      if (host === undefined) return undefined;
      level.trace.add(`fault: ${host.site} sleeps`);
      // The store stays awake: what sleeps with it would not be missed by anybody.
      const asleep = machine(level, host).filter(
        ({ component, clock }) => component !== 'mitosis-etcd' && !clock.isStopped,
      );
      for (const { clock } of asleep) clock.sleep();
      return () => {
        for (const { clock } of asleep) clock.resume();
      };
    },
  },
  'clock-jump': {
    summary: 'the wall clock of a process is wrong for a while',
    lastsMs: [1_000, 10_000],
    begin: (level, random) => {
      const victim = one(random, management(level));
      if (victim === undefined) return undefined;
      const offsetMs = Math.round(random.between(-20_000, 20_000));
      level.trace.add(`fault: the wall clock of ${victim.id} is ${offsetMs} ms off`);
      victim.clock.setWall(offsetMs);
      return () => victim.clock.setWall(0);
    },
  },
  'slow-start': {
    summary: 'instances take several times as long to become healthy, and one is replaced',
    lastsMs: [2_000, 8_000],
    begin: (level, random) => {
      const before = level.slowness;
      level.slowness = random.between(3, 8);
      level.trace.add('fault: instances start slowly');
      one(random, level.apps())?.end(1);
      return () => (level.slowness = before);
    },
  },
  flapping: {
    summary: 'an instance is sick again and again',
    lastsMs: [3_000, 9_000],
    begin: (level, random) => {
      const component = random.pick(['web', 'store']);
      let over = false;
      level.trace.add(`fault: ${component} flaps`);
      const flap = (): void => {
        if (over) return;
        const sick = level.apps().find((app) => app.component === component);
        sick?.sicken(random.between(1_000, 3_500));
        level.clock.setTimer(random.between(1_500, 4_000), flap);
      };
      flap();
      return () => (over = true);
    },
  },
} as const satisfies Record<string, Fault>;
