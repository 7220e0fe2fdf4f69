/** Locks that end with their holder: a bound abstract unix socket. */
import { createServer, type Server } from 'node:net';

export interface HeldLock {
  release(): Promise<void>;
}

/** Undefined when another process holds it. */
export const tryLock = (name: string): Promise<HeldLock | undefined> =>
  new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      server.unref();
      resolve({
        release: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
