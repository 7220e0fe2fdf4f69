/**
 * Open-loop load: sends by its schedule whatever the answers are, and measures from the moment each request was meant to
 * be sent. Runs in a thread of its own (load-thread.ts), so that nothing else delays it.
 */
import http from 'node:http';
import { dueS, kindOf, type LoadPiece, type RequestKind } from './profile.js';
import { sendRequest } from './request.js';
import type { Sample } from './sample.js';

/** Timers are that exact; what is due is sent at the next tick with its intended moment kept. */
const TICK_MS = 4;
/** More than this in flight is beyond what the machine can hold open; those beyond count as failed at once. */
const IN_FLIGHT_MAX = 4_000;
const FIRST_RATE: LoadPiece = { seconds: 0, from: 0, to: 0 };

export class LoadGenerator {
  private readonly agent = new http.Agent({
    keepAlive: true,
    maxSockets: IN_FLIGHT_MAX,
    maxFreeSockets: 256,
  });
  private readonly running = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private piece = FIRST_RATE;
  private beganMs = 0;
  /** Of this piece. */
  private sent = 0;
  private count = 0;

  constructor(
    private readonly target: string,
    private readonly kinds: readonly RequestKind[],
    private readonly onSample: (sample: Sample) => void,
  ) {}

  /** Goes over to another piece at once. */
  play(piece: LoadPiece): void {
    this.piece = piece;
    this.beganMs = performance.now();
    this.sent = 0;
    this.timer ??= setInterval(() => this.sendDue(), TICK_MS);
  }

  get inFlight(): number {
    return this.running.size;
  }

  /** Sends nothing more and waits for what is in flight (each is bounded). */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.running);
    this.agent.destroy();
  }

  private sendDue(): void {
    const nowS = (performance.now() - this.beganMs) / 1_000;
    for (let due = dueS(this.piece, this.sent); due <= nowS; due = dueS(this.piece, this.sent)) {
      this.sent += 1;
      this.send(this.beganMs + due * 1_000);
    }
  }

  private send(dueMs: number): void {
    const kind = kindOf(this.kinds, this.count);
    this.count += 1;
    if (this.running.size >= IN_FLIGHT_MAX) {
      const atMs = Date.now() - (performance.now() - dueMs);
      this.onSample({
        atMs,
        latencyMs: performance.now() - dueMs,
        kind,
        outcome: 'timeout',
        status: 0,
        firstTry: '',
        degraded: false,
        provider: '',
      });
      return;
    }
    const path = (this.kinds[kind]?.path ?? '/').replace('{n}', String(this.count));
    const one = sendRequest(this.agent, this.target + path, kind, dueMs).then((sample) => {
      this.running.delete(one);
      this.onSample(sample);
      return undefined;
    });
    this.running.add(one);
  }
}
