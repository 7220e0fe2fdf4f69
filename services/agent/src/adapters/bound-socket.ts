/**
 * A TCP socket that is bound and neither listens nor accepts, held to be inherited. Node offers no public way to bind
 * without listening; this file alone uses the handle below `net.Server` (`net._createServerHandle`, unchanged since
 * Node 0.x and used by its own `cluster`), behind types of its own.
 */
import net from 'node:net';
import { getSystemErrorName } from 'node:util';

interface TcpHandle {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}

type CreateServerHandle = (
  address: string | null,
  port: number | null,
  addressType: 4 | 6 | null,
  fd?: number,
) => TcpHandle | number;

const createHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;

export interface BoundSocket {
  /** -1: allotted, not held. */
  readonly fd: number;
  readonly host: string;
  readonly port: number;
  close(): void;
}

export type BindResult =
  | { readonly kind: 'bound'; readonly socket: BoundSocket }
  /** An error name of the system, e.g. EADDRINUSE. */
  | { readonly kind: 'failed'; readonly code: string };

/** `host` an IP address, `localhost`, or empty for every address of IPv4; port 0: any free one. */
export const bindSocket = (host: string, port: number): BindResult => {
  const address = host === '' ? '0.0.0.0' : host === 'localhost' ? '127.0.0.1' : host;
  const family = net.isIP(address);
  if (family === 0) return { kind: 'failed', code: 'EADDRNOTAVAIL' };
  return finish(createHandle(address, port, family === 6 ? 6 : 4), address);
};

/**
 * An address for somebody else to bind, who may have done so already: nothing is held here. A port that is asked for by
 * number is not tried, for its owner is most likely the one who asks.
 */
export const allotSocket = (host: string, port: number): BindResult => ({
  kind: 'bound',
  socket: { fd: -1, host, port, close: () => undefined },
});

/** A descriptor inherited from the keeper. */
export const adoptSocket = (fd: number, host: string): BindResult =>
  finish(createHandle(null, null, null, fd), host);

const finish = (handle: TcpHandle | number, host: string): BindResult => {
  if (typeof handle === 'number') return { kind: 'failed', code: getSystemErrorName(handle) };
  const name: { address?: string; port?: number } = {};
  // libuv tells that a port is taken not when it binds but at the next call on the socket.
  const error = handle.getsockname(name);
  if (error !== 0) {
    handle.close();
    return { kind: 'failed', code: getSystemErrorName(error) };
  }
  return {
    kind: 'bound',
    socket: { fd: handle.fd, host, port: name.port ?? 0, close: () => handle.close() },
  };
};

/** True when nobody listens there and it can be bound now. */
export const isPortFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
