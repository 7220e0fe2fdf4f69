/** A TCP proxy with faults, to stand between a client and its etcd in tests. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

type Mode = 'open' | 'black-hole' | 'refuse';

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: Mode = 'open';
  #delayMs = 0;
  #port = 0;

  private constructor(private readonly targetPort: number) {
    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const address = proxy.#server.address();
    if (address !== null && typeof address !== 'string') proxy.#port = address.port;
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Accepts and keeps everything, passes nothing on, in both directions; as TCP does, delivers all when it heals. */
  blackHole(): void {
    this.#mode = 'black-hole';
    for (const socket of this.#sockets) socket.pause();
  }

  /** Passes everything on this much later, each way, from now on; order is kept. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Ends a black hole, a refusal and a delay. */
  heal(): void {
    this.#mode = 'open';
    this.#delayMs = 0;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Resets what is open; new connections work. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Resets everything, also what comes, until `heal`. */
  refuse(): void {
    this.#mode = 'refuse';
    this.reset();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.targetPort, '127.0.0.1');
    this.#join(client, server);
    this.#join(server, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    let passed: Promise<void> = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      passed = passOn(passed, this.#delayMs, to, chunk);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#mode === 'black-hole') from.pause();
  }
}

/** After `before`, and no sooner than `ms` from now. */
const passOn = async (before: Promise<void>, ms: number, to: Socket, chunk: Buffer): Promise<void> => {
  const atMs = performance.now() + ms;
  await before;
  const restMs = atMs - performance.now();
  if (restMs > 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, restMs);
    });
  }
  if (!to.destroyed) to.write(chunk);
};
