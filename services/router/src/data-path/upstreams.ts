/**
 * Connections to targets: one undici pool per target, made at the first request, closed when the target takes no new
 * ones (requests in flight are finished first). Must never outlive its target's place in the table by more than that.
 */
import { Pool } from 'undici';
import type { Target } from '../decide/table.js';
import type { RouterConfig } from '../router.config.js';

export interface UpstreamOptions {
  /** Certificate authorities trusted beside the system's, PEM; empty: none. */
  readonly ca: string;
}

export class Upstreams {
  private readonly pools = new Map<string, Pool>();
  private readonly closing = new Set<Promise<void>>();

  constructor(
    private readonly config: RouterConfig,
    private readonly options: UpstreamOptions,
  ) {}

  pool(target: Target): Pool {
    let pool = this.pools.get(target.key);
    if (!pool) this.pools.set(target.key, (pool = this.open(target)));
    return pool;
  }

  release(target: Target): void {
    const pool = this.pools.get(target.key);
    if (!pool) return;
    this.pools.delete(target.key);
    const closed = pool.close().catch(() => pool.destroy());
    this.closing.add(closed);
    void closed.finally(() => this.closing.delete(closed));
  }

  async destroy(): Promise<void> {
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all([...pools.map((pool) => pool.destroy()), ...this.closing]);
  }

  private open(target: Target): Pool {
    return new Pool(originOf(target), {
      // One request a connection at a time: a pipelined one would share the fate of the one before.
      pipelining: 1,
      allowH2: false,
      headersTimeout: this.config.answerTimeoutMs,
      // Streams may be silent for as long as they like.
      bodyTimeout: 0,
      maxHeaderSize: this.config.headerBytesMax,
      connect: {
        timeout: this.config.connectTimeoutMs,
        ...(this.options.ca === '' ? {} : { ca: this.options.ca }),
      },
    });
  }
}

export const originOf = (target: Target): string => {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  return `${target.tls ? 'https' : 'http'}://${host}:${target.port}`;
};
