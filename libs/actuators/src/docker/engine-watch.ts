/**
 * Whether the engine answers, and what happens to our containers on it: its events, followed without a pause and, after
 * every gap, made up for by a whole look (`onSync`). Never polls containers.
 */
import { MitosisError } from '@mitosis/contracts';
import type { DriverState } from '../actuator.js';
import { spellAddress } from './engine-address.js';
import type { EngineClient } from './engine-client.js';
import type { EngineEvent } from './engine-types.js';
import { jsonLines } from './images.js';
import { HOME } from './marks.js';

const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
/** An engine that is cut off says nothing: it is asked. */
const PING_EVERY_MS = 10_000;
const PING_MS = 5_000;
/** The newest API whose answers are known to fit; older engines are spoken to in their own. */
const API_MAX = [1, 47] as const;
/** A caller that wants to know waits this long for the first answer. */
const FIRST_ANSWER_MS = 2_000;

export interface EngineWatchOptions {
  readonly client: EngineClient;
  readonly home: string;
  readonly nowMs: () => number;
  /** The engine answers (again): everything may have changed. It is in use when this has resolved. */
  readonly onSync: () => Promise<void>;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onState: (state: DriverState) => void;
}

export class EngineWatch {
  private current: DriverState;
  private readonly ending = new AbortController();
  private readonly firstAnswer: Promise<void>;
  private resolveFirst: () => void = () => undefined;

  constructor(private readonly options: EngineWatchOptions) {
    this.current = { usable: false, detail: 'it has not answered yet', sinceMs: options.nowMs() };
    this.firstAnswer = new Promise((resolve) => (this.resolveFirst = resolve));
    void this.follow();
  }

  get state(): DriverState {
    return this.current;
  }

  /** Resolves when it is known whether the engine answers, or after a short bound. */
  async settled(): Promise<void> {
    const bound = new AbortController();
    await Promise.race([this.firstAnswer, pause(FIRST_ANSWER_MS, bound.signal)]);
    bound.abort();
  }

  close(): void {
    this.ending.abort();
  }

  private async follow(): Promise<void> {
    const { signal } = this.ending;
    for (let waitMs = RETRY_MIN_MS; !signal.aborted;) {
      let answered = false;
      try {
        await this.followOnce(() => {
          answered = true;
        });
        this.enter(false, this.spell('went away'));
      } catch (error) {
        // What broke off in the middle says no more than that.
        const said = error instanceof MitosisError ? error.message : 'went away';
        this.enter(false, said === 'went away' ? this.spell(said) : said);
      }
      waitMs = answered ? RETRY_MIN_MS : Math.min(RETRY_MAX_MS, waitMs * 2);
      await pause(waitMs, signal);
    }
  }

  private spell(what: string): string {
    return `the Docker engine at ${spellAddress(this.options.client.address)} ${what}`;
  }

  private async followOnce(onAnswer: () => void): Promise<void> {
    const { client, home, onSync, onEvent } = this.options;
    const gone = new AbortController();
    const signal = AbortSignal.any([this.ending.signal, gone.signal]);
    client.version = await apiVersion(client);
    const filters = JSON.stringify({ type: ['container'], label: [`${HOME}=${home}`] });
    const response = await client.stream('GET', '/events', { query: { filters }, signal });
    // Before the first event: what changes from now on is told.
    await onSync();
    onAnswer();
    this.enter(true, `Docker engine at ${spellAddress(client.address)}, API ${client.version.slice(2)}`);
    const pings = setInterval(() => {
      client
        .call('GET', '/_ping', { timeoutMs: PING_MS, signal })
        .catch((error: unknown) => gone.abort(error));
    }, PING_EVERY_MS).unref();
    try {
      response.setEncoding('utf8');
      for await (const event of jsonLines(response)) onEvent(event as EngineEvent);
    } finally {
      clearInterval(pings);
      response.destroy();
    }
  }

  private enter(usable: boolean, detail: string): void {
    const { nowMs, onState } = this.options;
    const changed = this.current.usable !== usable;
    this.current = { usable, detail, sinceMs: changed ? nowMs() : this.current.sinceMs };
    this.resolveFirst();
    if (changed) onState(this.current);
  }
}

const apiVersion = async (client: EngineClient): Promise<string> => {
  const { ApiVersion } = await client.call<{ readonly ApiVersion: string }>('GET', '/version', {
    timeoutMs: PING_MS,
  });
  const [major = 1, minor = 0] = ApiVersion.split('.').map(Number);
  return `/v${major}.${major > API_MAX[0] ? minor : Math.min(minor, API_MAX[1])}`;
};

export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
