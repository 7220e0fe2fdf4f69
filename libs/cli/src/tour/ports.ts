/** Ports for what the tour starts: the usual ones, or the next that nobody holds. */
import { createServer } from 'node:net';
import { MitosisError } from '@mitosis/contracts';

const TRIES = 20;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** The first free port from `wanted` on. */
export const freePort = async (wanted: number): Promise<number> => {
  for (let port = wanted; port < wanted + TRIES; port += 1) if (await isFree(port)) return port;
  throw new MitosisError('unavailable', `ports ${wanted} to ${wanted + TRIES - 1} are all in use`);
};
