/**
 * The compose file's ports are fixed numbers of this machine: two levels of it at once would take each other's. Whoever
 * holds one port, which ends with its process in whatever way that ends, may start one.
 */
import net from 'node:net';
import { until } from '../level/until.js';

/** Below all ports of the compose file. */
const PORT = 7_099;
const BOUND_MS = 15 * 60_000;

/** Resolves when no other level of the compose file is under test here; the answer gives the place free. */
export const takeMachine = async (): Promise<() => void> => {
  const server = await until('no other level of the compose file runs here', listen, BOUND_MS, 500);
  return () => void server.close();
};

const listen = (): Promise<net.Server> =>
  new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(PORT, '127.0.0.1', () => resolve(server.unref()));
  });
