/** Between a driver and its engine: passes everything on, and tells the first line of each request. */
import { connect, createServer, type Socket } from 'node:net';

const REQUEST = /^(?:GET|POST|DELETE|HEAD|PUT) (\S+) HTTP\/1\.1$/gmu;

export const listenIn = async (
  socketPath: string,
  onRequest: (line: string) => void,
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
      for (const [line] of chunk.toString('latin1').matchAll(REQUEST)) onRequest(line);
    });
    client.pipe(engine);
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
