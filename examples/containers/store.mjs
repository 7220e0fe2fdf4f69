/** A tiny store that speaks lines over TCP: `add NAME` counts a visit, `all` lists them. Keeps them in a file. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import readline from 'node:readline';

const PORT = 5432;
const FILE = '/data/visits.json';

if (process.argv.includes('--check')) {
  const socket = net.connect(PORT, '127.0.0.1', () => process.exit(0));
  socket.on('error', () => process.exit(1));
} else {
  const visits = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
  const save = () => {
    writeFileSync(`${FILE}.part`, JSON.stringify(visits));
    renameSync(`${FILE}.part`, FILE);
  };
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    readline.createInterface({ input: socket }).on('line', (line) => {
      const [verb, name = ''] = line.split(' ');
      if (verb === 'add') {
        visits[name] = (visits[name] ?? 0) + 1;
        save();
      }
      socket.write(`${JSON.stringify(verb === 'add' ? { [name]: visits[name] } : visits)}\n`);
    });
  });
  server.listen(PORT);
  process.on('SIGTERM', () => process.exit(0));
}
