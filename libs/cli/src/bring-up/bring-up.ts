/**
 * `mitosis up` as a function, for the command and for the tour: agent, birth, apply, wait until the level and all below
 * it are ready. Idempotent; the agent's birth lock makes two at once one level. Must never leave something half made
 * without saying what is missing.
 */
import { randomBytes } from 'node:crypto';
import { MitosisError, type Release, type TypeGraph } from '@mitosis/contracts';
import type { HostSession } from '../session/host.js';
import { observeLevel, type LevelView, type Pieces } from '../session/observe.js';
import { withDescendants } from '../session/select-level.js';
import { isOver, pause, type Bound } from '../session/wait.js';
import { startAgent } from '../session/agent-start.js';
import { birthRequest } from './birth-request.js';
import { sealSecrets } from './seal-secrets.js';
import { upgradeAgent, upgradeEtcd } from './upgrade-host.js';
import { withRelease } from './with-release.js';
import { engineMissing } from './engine-check.js';
import { endAgent } from './take-down.js';
import { levelsOf, readinessOf, type Readiness } from './readiness.js';

export interface BringUpEvents {
  /** Something is done for good. */
  milestone(text: string): void;
  /** What is known now of the levels waited for. */
  progress(wanted: readonly string[], views: readonly LevelView[]): void;
}

export interface BroughtUp {
  readonly level: string;
  readonly generation: number;
  readonly changed: boolean;
  /** True: the level already lived here. */
  readonly adopted: boolean;
  readonly readiness: Readiness;
  readonly views: readonly LevelView[];
}

/** A birth waits for etcd to answer; a slow disk may take some seconds. */
const BIRTH_MS = 20_000;
/** An engine that was never asked gets a moment to answer. */
const HELLO_MS = 5_000;
const POLL_MS = 100;
/** Whatever generation is in force. */
const ANY_GENERATION = -1;

const newSuffix = (): string => randomBytes(4).toString('hex');

/** Throws MitosisError when agent, birth or apply fail; a level that is not ready in time is returned as it is. */
export const bringUp = async (
  host: HostSession,
  typeGraph: TypeGraph,
  release: Release,
  bound: Bound,
  events: BringUpEvents,
): Promise<BroughtUp> => {
  const started = await startAgent(host, release, bound);
  if (started) events.milestone('agent started');
  else if (await upgradeAgent(host, release, bound)) events.milestone('agent replaced');
  const info = await host.rpc.unary('agent', host.agentAddress, 'hello', {}, HELLO_MS);
  const missing = engineMissing(typeGraph, info, host.agentAddress);
  if (missing !== undefined) {
    if (started) await endAgent(host);
    throw missing;
  }
  const request = birthRequest(typeGraph, release, host.agentAddress, newSuffix);
  const born = await host.rpc.unary('agent', host.agentAddress, 'birth', request, BIRTH_MS);
  events.milestone(born.adopted ? `${typeGraph.level} lives here already` : `${typeGraph.level} born`);
  const level = await host.level(typeGraph.level);
  const sealed = sealSecrets(typeGraph, { home: host.home, env: process.env });
  const applied = await level.apply(withRelease(sealed, release), ANY_GENERATION, bound);
  events.milestone(`generation ${applied.generation} ${applied.changed ? 'in force' : 'was in force'}`);
  const { views, readiness } = await untilReady(host, typeGraph, bound, events);
  if (readiness.ready && born.adopted)
    await upgradeEtcd(host, typeGraph.level, release, (text) => events.milestone(text));
  return {
    level: typeGraph.level,
    generation: applied.generation,
    changed: applied.changed,
    adopted: born.adopted,
    views,
    readiness,
  };
};

const untilReady = async (
  host: HostSession,
  typeGraph: TypeGraph,
  bound: Bound,
  events: BringUpEvents,
): Promise<Pick<BroughtUp, 'views' | 'readiness'>> => {
  const wanted = levelsOf(typeGraph);
  for (;;) {
    const seen = await observeAll(host, typeGraph.level, 'health');
    events.progress(wanted, seen);
    if (readinessOf(wanted, seen).ready || isOver(bound)) {
      const views = await observeAll(host, typeGraph.level, 'all');
      const readiness = readinessOf(wanted, views);
      if (readiness.ready || isOver(bound)) return { views, readiness };
    }
    await pause(POLL_MS, bound);
  }
};

/** The level and all below it as the agent knows them; a moment without an agent is a moment without news. */
export const observeAll = async (
  host: HostSession,
  root: string,
  pieces: Pieces,
): Promise<readonly LevelView[]> => {
  try {
    const infos = withDescendants(await host.levels(), root);
    return await Promise.all(infos.map((info) => observeLevel(host, info, pieces)));
  } catch (error) {
    if (error instanceof MitosisError && error.retryable) return [];
    throw error;
  }
};
