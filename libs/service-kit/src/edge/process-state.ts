/** What the edges show of the process; implemented by `runService`. */
import type { common, DecisionRecord, FunctionName, LevelId, management } from '@mitosis/contracts';
import type { ControlMode } from '@mitosis/contracts';
import type { Registry } from 'prom-client';
import type { Observable } from 'rxjs';

export const PROCESS_STATE = Symbol('mitosis process state');

export interface Verdict {
  readonly ok: boolean;
  readonly reason: string;
}

export interface DecisionQuery {
  readonly function: FunctionName | undefined;
  readonly component: string;
  readonly limit: number;
  readonly follow: boolean;
}

export interface ProcessState {
  readonly level: LevelId;
  readonly registry: Registry;
  /** True once the functions have been started. */
  serves(): boolean;
  alive(): Verdict;
  ready(): Verdict;
  status(): Readonly<Record<string, unknown>>;
  directory(): management.DirectoryReply;
  decisions(query: DecisionQuery): Observable<DecisionRecord>;
  /** Only the leader of the function; throws NotLeaderError elsewhere. */
  setControl(fn: FunctionName, mode: ControlMode): Promise<void>;
  resign(fn: FunctionName): Promise<void>;
}

export const EMPTY: common.Empty = {};
