/** The application under chaos: a front that asks a store, both idempotent, two of each. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const LEVEL = 'chaos';

const STORE = `import http from 'node:http';
const server = http.createServer((request, response) => response.end('stored'));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** As any careful client it asks again, once, when a connection broke under an idempotent request. */
const FRONT = `import http from 'node:http';
const ask = () => new Promise((resolve, reject) => {
  const request = http.get(process.env.STORE_URL, { agent: false }, (response) => {
    let body = '';
    response.on('data', (chunk) => (body += chunk));
    response.on('end', () => resolve({ status: response.statusCode, body }));
    response.on('error', reject);
  });
  request.on('error', reject);
});
const server = http.createServer(async (request, response) => {
  try {
    const { status, body } = await ask().catch(ask);
    response.writeHead(status).end('front ' + body);
  } catch (error) {
    response.writeHead(502).end('front: ' + error.message);
  }
});
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** Writes it into the folder; the path of its Compose file. */
export const writeComposition = (folder: string, port: number): string => {
  writeFileSync(join(folder, 'front.mjs'), FRONT);
  writeFileSync(join(folder, 'store.mjs'), STORE);
  const file = join(folder, 'compose.yaml');
  writeFileSync(
    file,
    `name: ${LEVEL}
services:
  front:
    command: ["node", "front.mjs"]
    ports: ["127.0.0.1:${port}:80"]
    depends_on: [store]
    deploy: { replicas: 2 }
  store:
    command: ["node", "store.mjs"]
    expose: ["80"]
    deploy: { replicas: 2 }
`,
  );
  return file;
};
