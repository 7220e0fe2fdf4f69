/**
 * Sees at once when another process is gone: an idle TCP connection to a port it listens on breaks with the process, and
 * then refuses. Must never take silence, a partition or a mere reset for a death: only refusals, several in a row, after
 * it had been reached before.
 */
import { connect } from 'node:net';
import type { NetConnectOpts, Socket } from 'node:net';

/** Calls `onGone` once when the process at the address is seen to be gone; the returned function ends the watch. */
export interface ProcessProbe {
  watch(address: string, onGone: () => void): () => void;
}

/** Waits before the attempts after a break: two refusals, a millisecond apart, are a death. Work waits for this. */
const ATTEMPT_GAPS_MS = [0, 1] as const;
/** A connection that broke sooner than this was closed on purpose: do not hammer. */
const SHORT_MS = 100;
/** From one vain attempt to the next while nothing is known. */
const RETRY_MS = 1_000;
/** An attempt that is neither accepted nor refused says nothing. */
const CONNECT_TIMEOUT_MS = 2_000;
const REFUSALS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);

/** `host:port`, `[v6]:port` or `unix:/path`; undefined for anything else. */
export const addressOf = (address: string): NetConnectOpts | undefined => {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const match = /^\[?([^\]]+?)\]?:(\d+)$/u.exec(address);
  return match?.[1] === undefined ? undefined : { host: match[1], port: Number(match[2]) };
};

export class TcpProcessProbe implements ProcessProbe {
  watch(address: string, onGone: () => void): () => void {
    const target = addressOf(address);
    if (target === undefined) return () => undefined;
    const watch = new ProcessWatch(target, onGone);
    return () => {
      watch.stop();
    };
  }
}

class ProcessWatch {
  #stopped = false;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wasReached = false;
  #refusals = 0;

  constructor(
    private readonly target: NetConnectOpts,
    private readonly onGone: () => void,
  ) {
    this.#attempt();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #attempt(): void {
    const socket = connect(this.target);
    this.#socket = socket;
    socket.unref();
    let code = '';
    let connectedAtMs: number | undefined;
    socket.setTimeout(CONNECT_TIMEOUT_MS);
    socket.on('timeout', () => {
      if (connectedAtMs === undefined) socket.destroy();
    });
    socket.on('connect', () => {
      connectedAtMs = performance.now();
      this.#wasReached = true;
      this.#refusals = 0;
      socket.setTimeout(0);
      // What the other side says is read and thrown away, or its end would never be noticed.
      socket.resume();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? '';
    });
    socket.on('close', () => {
      if (!this.#stopped) this.#onClose(connectedAtMs, code);
    });
  }

  #onClose(connectedAtMs: number | undefined, code: string): void {
    const refused = connectedAtMs === undefined && REFUSALS.has(code);
    this.#refusals = refused ? this.#refusals + 1 : 0;
    if (refused && this.#wasReached && this.#refusals >= ATTEMPT_GAPS_MS.length) {
      this.stop();
      this.onGone();
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#attempt();
      },
      this.#gapMs(connectedAtMs, refused),
    );
    this.#timer.unref();
  }

  #gapMs(connectedAtMs: number | undefined, refused: boolean): number {
    if (connectedAtMs !== undefined) return performance.now() - connectedAtMs < SHORT_MS ? SHORT_MS : 0;
    return refused && this.#wasReached ? (ATTEMPT_GAPS_MS[this.#refusals] ?? RETRY_MS) : RETRY_MS;
  }
}
