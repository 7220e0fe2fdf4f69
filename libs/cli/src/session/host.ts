/**
 * The way in: this host's agent, over the socket that only its user can open. Knows which levels live here and where
 * their managers are; works also while a level's management is dead. Must never start anything (see agent-start.ts).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MANAGEMENT_COMPONENTS, MitosisError, type agent } from '@mitosis/contracts';
import { LevelSession } from './level.js';
import { PersonIdentity } from './person-identity.js';
import { Rpc } from './rpc.js';
import { selectLevel } from './select-level.js';

/** A level whose management was not born here but deployed, and where it is reached. */
export interface DeployedLevel {
  readonly level: string;
  /** gRPC addresses of any of its services. */
  readonly managers: readonly string[];
}

/** From `MITOSIS_LEVEL` and `MITOSIS_MANAGERS`. Throws MitosisError `invalid_input` when only the latter is set. */
export const readDeployed = (env: Readonly<Record<string, string | undefined>>): DeployedLevel | null => {
  const managers = (env['MITOSIS_MANAGERS'] ?? '').split(',').filter((address) => address !== '');
  if (managers.length === 0) return null;
  const level = env['MITOSIS_LEVEL'] ?? '';
  if (level === '')
    throw new MitosisError('invalid_input', 'MITOSIS_MANAGERS is set: MITOSIS_LEVEL must name their level');
  return { level, managers };
};

const AGENT_CALL_MS = 2_000;

export class HostSession {
  readonly rpc: Rpc;
  readonly agentAddress: string;
  private readonly person: PersonIdentity;

  /** @param deployed - a level whose management somebody else's tool runs; null: the agent knows where managers are */
  constructor(
    readonly home: string,
    private readonly deployed: DeployedLevel | null = null,
  ) {
    this.person = new PersonIdentity(home);
    this.rpc = new Rpc((level) => this.person.credentials(level));
    this.agentAddress = `unix:${join(home, 'agent.sock')}`;
  }

  /** A level here is run by somebody else's tool. */
  get isDeployed(): boolean {
    return this.deployed !== null;
  }

  /** False when no agent answers; the levels it held may run on without it. */
  async agentAnswers(): Promise<boolean> {
    if (!existsSync(join(this.home, 'agent.sock'))) return false;
    try {
      await this.rpc.unary('agent', this.agentAddress, 'hello', {}, AGENT_CALL_MS);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Throws MitosisError `unavailable` with the remedy when no agent answers; a deployed level is known without one, since
   * its services may run where there is none.
   */
  async levels(): Promise<readonly agent.LevelInfo[]> {
    if (this.deployed !== null && !(await this.agentAnswers())) return withDeployed([], this.deployed);
    if (!existsSync(join(this.home, 'agent.sock')))
      throw new MitosisError(
        'unavailable',
        `nothing is up here (no agent in ${this.home}): start something with \`mitosis up <compose file>\``,
      );
    try {
      const { levels } = await this.rpc.unary('agent', this.agentAddress, 'levels', {}, AGENT_CALL_MS);
      return withDeployed(levels, this.deployed);
    } catch (error) {
      throw new MitosisError(
        'unavailable',
        `the agent of this host does not answer (${join(this.home, 'agent.sock')}): ` +
          'bring it back with `mitosis up <compose file>`; what runs goes on without it',
        { cause: error },
      );
    }
  }

  /** The level named, or the only one; `wanted` undefined: the only root. Throws MitosisError `not_found`. */
  async level(wanted: string | undefined): Promise<LevelSession> {
    return this.open(selectLevel(await this.levels(), wanted));
  }

  open(info: agent.LevelInfo): LevelSession {
    return new LevelSession(this, info.level, this.managersOf(info));
  }

  /** The managers of a level as the agent sees them now. */
  async managers(level: string): Promise<readonly string[]> {
    const found = (await this.levels()).find((info) => info.level === level);
    return found === undefined ? [] : this.managersOf(found);
  }

  private managersOf(info: agent.LevelInfo): readonly string[] {
    const managers = info.level === this.deployed?.level ? this.deployed.managers : managersOf(info);
    this.rpc.belongsTo(info.level, managers);
    return managers;
  }

  close(): void {
    this.rpc.close();
    this.person.close();
  }
}

/** Before its first act the agent has not heard of it. */
const withDeployed = (
  levels: readonly agent.LevelInfo[],
  deployed: DeployedLevel | null,
): readonly agent.LevelInfo[] =>
  deployed === null || levels.some(({ level }) => level === deployed.level)
    ? levels
    : [
        ...levels,
        {
          level: deployed.level,
          parent: '',
          incarnation: 1,
          highestEpoch: undefined,
          management: [],
          listeners: [],
        },
      ];

/** Running first: the others are only tried when nothing else is left. */
const managersOf = (info: agent.LevelInfo): readonly string[] =>
  info.management
    .filter((one) => one.component === MANAGEMENT_COMPONENTS.manager && (one.ports['grpc'] ?? 0) > 0)
    .sort((a, b) => Number(b.state === 'running') - Number(a.state === 'running'))
    .map((one) => `${one.host}:${one.ports['grpc']}`);
