/**
 * Reads everything this host knows from disk. Damage is told and mended: from the copy, else from what runs, else by
 * leaving the one record out. Must never fail because of what a file contains.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readDurable, type ScannedProcess } from '@mitosis/actuators';
import { compareEpochs, ZERO_EPOCH } from '@mitosis/contracts';
import type { Log } from '../adapters/log.js';
import { isSafeName } from '../decide/names.js';
import { instancesDirectory, levelDirectory, newLevelState, recordPath } from '../levels/level.js';
import { recoverRecord } from './recover-record.js';
import type { HostState, InstanceState, LevelState } from './records.js';

export interface LoadedLevel {
  readonly state: LevelState;
  /** Its file has to be written anew. */
  readonly damaged: boolean;
  readonly instances: readonly {
    readonly state: InstanceState;
    readonly dir: string;
    readonly damaged: boolean;
  }[];
}

export interface LoadOptions {
  readonly home: string;
  readonly scan: readonly ScannedProcess[];
  readonly log: Log;
  readonly nowMs: number;
}

const NEW_HOST: HostState = { v: 1, host: '', listen: '', resting: [], purged: [] };

export const loadHost = async (home: string, log: Log): Promise<HostState> =>
  (await readTold<HostState>(join(home, 'host.json'), log)).value ?? NEW_HOST;

interface Told<T> {
  readonly value: T | undefined;
  readonly damaged: boolean;
}

const readTold = async <T>(path: string, log: Log): Promise<Told<T>> => {
  const read = await readDurable<T>(path);
  if (read.kind === 'damaged') log.error({ path }, 'a state file and its copy are damaged');
  if (read.kind === 'value' && read.recovered)
    log.warn({ path }, 'a state file was damaged: its copy is used');
  return read.kind === 'value'
    ? { value: read.value, damaged: read.recovered }
    : { value: undefined, damaged: true };
};

export const loadLevels = async (options: LoadOptions): Promise<readonly LoadedLevel[]> => {
  const directory = join(options.home, 'levels');
  const onDisk = existsSync(directory) ? readdirSync(directory).filter(isSafeName) : [];
  // Also levels whose directory was lost but whose processes run.
  const running = options.scan.flatMap(({ mark }) =>
    mark?.kind === 'run' && isSafeName(mark.level) ? [mark.level] : [],
  );
  return Promise.all([...new Set([...onDisk, ...running])].map((level) => loadLevel(level, options)));
};

const loadLevel = async (level: string, options: LoadOptions): Promise<LoadedLevel> => {
  const directory = instancesDirectory(options.home, level);
  const onDisk = existsSync(directory) ? readdirSync(directory).filter(isSafeName) : [];
  const read = await Promise.all(
    onDisk.map(async (id) => {
      const dir = join(directory, id);
      const { value, damaged } = await readTold<InstanceState>(recordPath(dir), options.log);
      const state = value ?? recoverRecord(level, id, options.scan, options.nowMs);
      if (state === undefined)
        options.log.warn({ level, instance: id }, 'nothing is known of this instance any more');
      return state === undefined ? undefined : { state, dir, damaged };
    }),
  );
  const instances = read.filter((one) => one !== undefined);
  const path = join(levelDirectory(options.home, level), 'level.json');
  const { value, damaged } = await readTold<LevelState>(path, options.log);
  const state =
    value ??
    rebuiltLevel(
      level,
      instances.map((one) => one.state),
    );
  return { state, damaged, instances };
};

/** From what its instances say: the fence at the highest epoch they were started under, the newest incarnation they run. */
const rebuiltLevel = (level: string, instances: readonly InstanceState[]): LevelState => {
  const highest = instances.reduce(
    (max, { epoch }) => (compareEpochs(epoch, max) > 0 ? epoch : max),
    ZERO_EPOCH,
  );
  const incarnation = Math.max(
    highest.incarnation,
    ...instances.map(({ spec }) => Number(spec.env['MITOSIS_INCARNATION'] ?? 0) || 0),
  );
  return { ...newLevelState(level), highest, incarnation };
};
