/** Between a driver and its engine: passes on, and tells the first line of each request. */
import { connect, createServer, type Socket } from 'node:net';

/** `cut`: the engine has it, and the connection breaks when the answer begins. `lose`: the engine never hears of it. */
type Fault = 'cut' | 'lose';

const REQUEST = /^(?:GET|POST|DELETE|HEAD|PUT) (\S+) HTTP\/1\.1$/gmu;

export const listenIn = async (
  socketPath: string,
  onRequest: (line: string) => Fault | undefined | void,
): Promise<{ readonly path: string; close(): Promise<void> }> => {
  const path = `${socketPath}.heard`;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const engine = connect(socketPath);
    for (const socket of [client, engine]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        engine.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      for (const [line] of chunk.toString('latin1').matchAll(REQUEST)) {
        const fault = onRequest(line);
        if (fault === 'lose') client.destroy();
        if (fault === 'cut')
          engine
            .unpipe(client)
            .once('data', () => client.destroy())
            .resume();
      }
      if (!client.destroyed) engine.write(chunk);
    });
    client.on('end', () => engine.end());
    engine.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
