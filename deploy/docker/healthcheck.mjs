/**
 * The image's health check: the process of this container answers, over TLS with its own certificate where it has one.
 * Usage: node healthcheck.mjs [/healthz | /readyz]; an agent (no HTTP port) is asked by its socket.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';

const LONGEST_MS = 4_000;
const {
  MITOSIS_HOST: host = '127.0.0.1',
  MITOSIS_HTTP_PORT: port,
  MITOSIS_TLS_DIR: tls,
  MITOSIS_HOME: home,
} = process.env;
const end = (code, text) => {
  process.stdout.write(`${text}\n`);
  process.exit(code);
};
setTimeout(() => end(1, `no answer in ${LONGEST_MS} ms`), LONGEST_MS).unref();

if (port === undefined || port === '') {
  net
    .connect(join(home ?? '/var/lib/mitosis', 'agent.sock'))
    .on('connect', () => end(0, 'the agent listens'))
    .on('error', (error) => end(1, error.message));
} else {
  const file = (name) => readFileSync(join(tls, name));
  // Its own process at its own address: the name in the certificate says nothing more.
  const options = tls
    ? {
        cert: file('cert.pem'),
        key: file('key.pem'),
        ca: file('ca.pem'),
        checkServerIdentity: () => undefined,
      }
    : {};
  (tls ? https : http)
    .get({ host, port, path: process.argv[2] ?? '/healthz', ...options }, (answer) => {
      answer.resume();
      end(answer.statusCode === 200 ? 0 : 1, `status ${answer.statusCode}`);
    })
    .on('error', (error) => end(1, error.message));
}
