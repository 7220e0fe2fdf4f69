/**
 * The keeper: a shell that does nothing but hold the sockets and wait on a FIFO to be told to start the next agent, which
 * so inherits them. Sockets cannot be given to a running process, so each change of the set makes a new keeper; the old
 * one goes only when the new one holds everything.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import {
  inheritedEnvironment,
  isAlive,
  listPids,
  readMarkedEnvironment,
  readStat,
  signalProcess,
  type HostPaths,
  type ProcessIdentity,
} from '@mitosis/actuators';

/** `$1` is the FIFO. It is opened for both directions, so that it never ends and always has a reader. */
const SCRIPT = `fifo=$1
PATH=/usr/bin:/bin rm -f "$fifo.new"
PATH=/usr/bin:/bin mkfifo -m 600 "$fifo.new" || exit 1
exec 0<>"$fifo.new" || exit 1
PATH=/usr/bin:/bin mv -f "$fifo.new" "$fifo" || exit 1
echo ready
exec 1>/dev/null 2>&1
while read -r word; do
  case $word in
    start) (unset MITOSIS_KEEPER; /bin/sh "$MITOSIS_HOME/launch" </dev/null &) ;;
  esac
done`;

const READY_MS = 5_000;

export interface KeptSocket {
  readonly level: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly fd: number;
}

/** As the next agent finds them: `fd` is the number in its own table. */
export const FDS_VARIABLE = 'MITOSIS_AGENT_FDS';
const MARK = 'MITOSIS_KEEPER';
const FIRST_FD = 3;

export class Keeper {
  private current: ProcessIdentity | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly paths: HostPaths) {}

  isAlive(): boolean {
    return this.current !== undefined && isAlive(this.current);
  }

  /** Resolves when a keeper holds exactly these (none: when no keeper is left). Calls come one after the other. */
  hold(sockets: () => readonly KeptSocket[]): Promise<void> {
    this.turn = this.turn.catch(() => undefined).then(() => this.replace(sockets()));
    return this.turn;
  }

  private async replace(sockets: readonly KeptSocket[]): Promise<void> {
    if (sockets.length === 0) {
      this.current = undefined;
      rmSync(this.paths.keeper, { force: true });
    } else {
      this.current = await this.start(sockets);
    }
    this.endOthers();
  }

  private start(sockets: readonly KeptSocket[]): Promise<ProcessIdentity> {
    const described = sockets.map((socket, index) => ({ ...socket, fd: FIRST_FD + index }));
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'mitosis-keeper', this.paths.keeper], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore', ...sockets.map(({ fd }) => fd)],
      env: {
        ...inheritedEnvironment(process.env),
        MITOSIS_HOME: this.paths.home,
        [MARK]: '1',
        [FDS_VARIABLE]: JSON.stringify(described),
      },
    });
    child.unref();
    return new Promise((resolve, reject) => {
      const { pid, stdout } = child;
      const timer = setTimeout(() => finish(new Error('the keeper does not get ready')), READY_MS);
      const finish = (failure?: Error): void => {
        clearTimeout(timer);
        stdout?.destroy();
        const stat = pid === undefined ? undefined : readStat(pid);
        if (failure === undefined && stat !== undefined)
          resolve({ pid: stat.pid, startTicks: stat.startTicks });
        else {
          child.kill('SIGKILL');
          reject(failure ?? new Error('the keeper ended at once'));
        }
      };
      stdout?.once('data', () => finish());
      child.once('error', finish);
      child.once('exit', () => finish(new Error('the keeper ended at once')));
    });
  }

  /** Also keepers of earlier agents: their sockets are held by the new one. */
  private endOthers(): void {
    for (const pid of listPids()) {
      if (pid === this.current?.pid) continue;
      const env = readMarkedEnvironment(pid);
      const stat = readStat(pid);
      if (stat !== undefined && env.get(MARK) === '1' && env.get('MITOSIS_HOME') === this.paths.home)
        signalProcess(stat, 'SIGKILL');
    }
  }
}

/** What this agent inherited; empty when it was started directly. */
export const inheritedSockets = (
  env: Readonly<Record<string, string | undefined>>,
): readonly KeptSocket[] => {
  try {
    return JSON.parse(env[FDS_VARIABLE] ?? '[]') as readonly KeptSocket[];
  } catch {
    return [];
  }
};
