/**
 * Gets images onto an engine: one pull of an image at a time whoever wants it, its progress told, its failures tried again
 * with a growing pause where that may help, and explained where it will not. Never pulls what may not be pulled.
 */
import { MitosisError } from '@mitosis/contracts';
import { EngineError, type EngineClient } from './engine-client.js';

const ATTEMPTS_MAX = 6;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 20_000;
/** A pull that says nothing for this long hangs. */
const SILENCE_MS = 120_000;
const TELL_EVERY_MS = 500;

export interface WantedImage {
  readonly image: string;
  /** Compose's `pull_policy`; empty: when it is missing. */
  readonly policy: string;
  /** The composition says how it is built. */
  readonly built: boolean;
}

export interface ImagesOptions {
  readonly client: EngineClient;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

interface Pull {
  readonly done: Promise<void>;
  readonly ending: AbortController;
  readonly listeners: Set<(detail: string) => void>;
}

export class Images {
  private readonly pulls = new Map<string, Pull>();

  constructor(private readonly options: ImagesOptions) {}

  /** Resolves when the image is there. Throws MitosisError: `not_found` when no pull can bring it, `unavailable` else. */
  async ensure(
    wanted: WantedImage,
    onProgress: (detail: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const here = await this.isHere(wanted.image, signal);
    const always = wanted.policy === 'always' || wanted.policy === 'newest';
    if (here && !always) return;
    if (wanted.policy === 'never' || wanted.policy === 'build' || (wanted.built && wanted.policy === ''))
      throw new MitosisError(
        'not_found',
        wanted.built
          ? `the image ${wanted.image} is not on this engine: build it there (docker compose build)`
          : `the image ${wanted.image} is not on this engine and pull_policy says that it is not pulled`,
      );
    try {
      await this.pull(wanted.image, onProgress, signal);
    } catch (error) {
      // What is here is better than nothing while the registry is away.
      if (!here || signal.aborted) throw error;
      onProgress(`the image here is used: ${(error as Error).message}`);
    }
  }

  private async isHere(image: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.options.client.call('GET', `/images/${encodeURIComponent(image)}/json`, { signal });
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return false;
      throw error;
    }
  }

  private async pull(
    image: string,
    onProgress: (detail: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const pull = this.pulls.get(image) ?? this.begin(image);
    pull.listeners.add(onProgress);
    const leave = (): void => {
      pull.listeners.delete(onProgress);
      // Nobody wants it any more.
      if (pull.listeners.size === 0) pull.ending.abort();
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      await pull.done;
    } finally {
      signal.removeEventListener('abort', leave);
      pull.listeners.delete(onProgress);
    }
  }

  private begin(image: string): Pull {
    const ending = new AbortController();
    const listeners = new Set<(detail: string) => void>();
    const tell = (detail: string): void => listeners.forEach((listener) => listener(detail));
    const done = this.attempts(image, tell, ending.signal).finally(() => this.pulls.delete(image));
    done.catch(() => undefined);
    const pull = { done, ending, listeners };
    this.pulls.set(image, pull);
    return pull;
  }

  private async attempts(image: string, tell: (detail: string) => void, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.attempt(image, tell, signal);
        return;
      } catch (error) {
        const { message } = error as Error;
        if (signal.aborted) throw new MitosisError('unavailable', `the pull of ${image} was ended`);
        if (isHopeless(error, message))
          throw new MitosisError('not_found', `${image} cannot be pulled: ${message}`, { cause: error });
        if (attempt >= ATTEMPTS_MAX)
          throw new MitosisError('unavailable', `${image} could not be pulled: ${message}`, { cause: error });
        const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (attempt - 1));
        tell(`pull of ${image} failed (${message}); attempt ${attempt + 1} in ${waitMs} ms`);
        await this.options.pause(waitMs, signal);
      }
    }
  }

  private async attempt(image: string, tell: (detail: string) => void, signal: AbortSignal): Promise<void> {
    const hangs = new AbortController();
    let timer = setTimeout(() => hangs.abort(), SILENCE_MS);
    const layers = new Map<string, Layer>();
    // By the clock, not by what the engine says: where a download stalls, what it reached is told nevertheless.
    let told = '';
    const report = (): void => {
      const progress = progressOf(layers);
      if (layers.size === 0 || progress === told) return;
      told = progress;
      tell(`pulling ${image}: ${progress}`);
    };
    const reporting = setInterval(report, TELL_EVERY_MS);
    try {
      const response = await this.options.client.stream('POST', '/images/create', {
        query: pullQuery(image),
        signal: AbortSignal.any([signal, hangs.signal]),
        timeoutMs: SILENCE_MS,
      });
      response.setEncoding('utf8');
      for await (const line of jsonLines(response)) {
        clearTimeout(timer);
        timer = setTimeout(() => hangs.abort(), SILENCE_MS);
        const { error, id, status, progressDetail } = line as PullLine;
        if (error !== undefined) throw new MitosisError('unavailable', error);
        // The first line is of the tag: "Pulling from shop/web".
        if (id !== undefined && status !== undefined && !status.startsWith('Pulling from'))
          layers.set(id, {
            status,
            current: progressDetail?.current ?? 0,
            total: progressDetail?.total ?? 0,
          });
      }
      if (hangs.signal.aborted)
        throw new MitosisError('unavailable', `the pull said nothing for ${SILENCE_MS} ms`);
    } finally {
      clearTimeout(timer);
      clearInterval(reporting);
      report();
    }
  }
}

interface PullLine {
  readonly error?: string;
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

interface Layer {
  readonly status: string;
  readonly current: number;
  readonly total: number;
}

const progressOf = (layers: ReadonlyMap<string, Layer>): string => {
  const all = [...layers.values()];
  const done = all.filter(({ status }) => /complete|exists/i.test(status)).length;
  const mib = all.reduce((sum, { current }) => sum + current, 0) / 2 ** 20;
  return `${done} of ${all.length} layers, ${mib.toFixed(0)} MiB under way`;
};

/** A tag is taken for "latest" when none is said; a digest stands for itself. */
const pullQuery = (image: string): Record<string, string> => {
  if (image.includes('@')) return { fromImage: image };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/')
    ? { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { fromImage: image, tag: 'latest' };
};

/** Answers that will not change by asking again. */
const isHopeless = (error: unknown, message: string): boolean =>
  (error instanceof EngineError && (error.status === 400 || error.status === 404)) ||
  /manifest.*(unknown|not found)|pull access denied|repository does not exist|unauthorized|invalid reference/i.test(
    message,
  );

/** One JSON document a line; what is not whole at the end is left out. */
export async function* jsonLines(chunks: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  let rest = '';
  for await (const chunk of chunks) {
    rest += String(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
}
