/**
 * What is known of a level now, piece by piece: a piece that cannot be had is null with its reason, never empty. Used by
 * status, graph, up and the tour.
 */
import type {
  agent,
  ControlMode,
  FunctionName,
  health,
  InstanceGraphView,
  management,
  TypeGraph,
} from '@mitosis/contracts';
import { isFunctionName } from '@mitosis/contracts';
import type { HostSession } from './host.js';
import { boundOf } from './wait.js';

export interface LevelView {
  readonly level: string;
  readonly parent: string;
  readonly incarnation: number;
  readonly generation: number | null;
  readonly phase: string | null;
  readonly typeGraph: TypeGraph | null;
  readonly composite: health.CompositeHealth | null;
  readonly graph: InstanceGraphView | null;
  readonly directory: management.DirectoryReply | null;
  /** Functions that do not run as usual. */
  readonly controls: Readonly<Partial<Record<FunctionName, ControlMode>>>;
  /** Management as the agent sees it; known also while the rest is dead. */
  readonly management: readonly agent.InstanceStatus[];
  /** What could not be learned, and why. */
  readonly unknown: readonly string[];
}

/** One status must not take longer than a person waits; a missing leader is told, not waited for. */
const PIECE_MS = 3_000;

/**
 * `all`: everything. `health`: leaders and composite health only, `graph`: and the instance graph, for those who ask
 * several times a second on the processor the level itself runs on.
 */
export type Pieces = 'all' | 'graph' | 'health';

export const observeLevel = async (
  host: HostSession,
  info: agent.LevelInfo,
  pieces: Pieces = 'all',
): Promise<LevelView> => {
  const session = host.open(info);
  const unknown: string[] = [];
  const piece = async <T>(what: string, get: () => Promise<T>): Promise<T | null> => {
    try {
      return await get();
    } catch (error) {
      unknown.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  };
  const directory = await piece('directory', () => session.directory());
  const [composite, spec, graph, controls] = await Promise.all([
    piece('health', () => session.composite(boundOf(PIECE_MS))),
    pieces === 'all' ? piece('type graph', () => session.spec(boundOf(PIECE_MS))) : null,
    pieces === 'health' ? null : piece('instance graph', () => session.instanceGraph(boundOf(PIECE_MS))),
    pieces === 'all' ? piece('modes', () => observeControls(host, directory)) : null,
  ]);
  return {
    level: info.level,
    parent: info.parent,
    incarnation: info.incarnation,
    generation: spec?.generation ?? null,
    phase: spec?.phase ?? null,
    typeGraph: spec?.typeGraph ?? null,
    composite,
    graph,
    directory,
    controls: controls ?? {},
    management: info.management,
    unknown,
  };
};

/** What `Management.Status` says of each function a replica runs; only what is read here. */
interface ReplicaStatus {
  readonly functions?: readonly {
    readonly function: string;
    readonly leading: boolean;
    readonly mode: ControlMode;
  }[];
}

/** Modes other than `run`, as the leaders themselves have them. */
const observeControls = async (
  host: HostSession,
  directory: management.DirectoryReply | null,
): Promise<LevelView['controls']> => {
  const addresses = new Set((directory?.leaders ?? []).map((leader) => leader.grpc));
  const replies = await Promise.all(
    [...addresses].map((address) => host.rpc.unary('management', address, 'status', {})),
  );
  const functions = replies.flatMap(({ json }) => (JSON.parse(json) as ReplicaStatus).functions ?? []);
  return Object.fromEntries(
    functions.filter((one) => one.leading && one.mode !== 'run').map((one) => [one.function, one.mode]),
  );
};

export interface EntryUrl {
  readonly component: string;
  readonly url: string;
}

/** Where clients reach a level: its published listeners, once each. */
export const entryUrls = (graph: InstanceGraphView | null): readonly EntryUrl[] => {
  const found = (graph?.listeners ?? []).flatMap((site) =>
    site.listeners
      .filter((listener) => listener.published)
      .map((listener) => ({
        component: listener.component as string,
        url: `${listener.protocol}://${listener.host === '0.0.0.0' ? '127.0.0.1' : listener.host}:${listener.number}`,
      })),
  );
  return found.filter((one, at) => found.findIndex((other) => other.url === one.url) === at);
};

export interface LeaderLine {
  readonly replica: string;
  readonly functions: readonly FunctionName[];
}

/** Leaders grouped by the replica that leads. */
export const leadersByReplica = (directory: management.DirectoryReply | null): readonly LeaderLine[] => {
  const groups = new Map<string, FunctionName[]>();
  for (const leader of directory?.leaders ?? []) {
    if (!isFunctionName(leader.function)) continue;
    groups.set(leader.replica, [...(groups.get(leader.replica) ?? []), leader.function]);
  }
  return [...groups].map(([replica, functions]) => ({ replica, functions: functions.sort() }));
};
