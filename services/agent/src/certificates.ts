/**
 * Issues the certificates of processes that somebody else's tool starts, and renews them at half their life while it
 * runs: the issuer of deploy/compose. Usage: node certificates.mjs <level>/<role>/<id> …; each gets
 * `$MITOSIS_TLS_OUT/<id>`; the authority is the one in `$MITOSIS_HOME/authority`, made where there is none. It listens
 * nowhere and asks nobody.
 */
import { join } from 'node:path';
import { hostPaths } from '@mitosis/actuators';
import { parsePeerUri } from '@mitosis/identity';
import { createLog } from './adapters/log.js';
import { readAgentConfig } from './agent.config.js';
import { HostIdentity } from './identity/host-identity.js';

const LOOKS_A_LIFE = 10;
const LOOK_EVERY_MS = 60_000;

const config = readAgentConfig(process.env);
const log = createLog(config.logLevel);
const out = process.env['MITOSIS_TLS_OUT'] ?? '';
const held = process.argv.slice(2).map((text) => {
  const name = parsePeerUri(`mitosis://${text}`);
  if (name !== undefined) return { name, directory: join(out, name.id) };
  return end(`${text} is no name: expected <level>/<role>/<id>, e.g. shop/router/router-1`);
});
function end(problem: string): never {
  log.error({ problem }, 'bad input');
  process.exit(2);
}
if (out === '') end('MITOSIS_TLS_OUT is not set: name the directory for the certificates');
if (held.length === 0) end('name who the certificates are for: <level>/<role>/<id> …');

const identity = new HostIdentity({
  paths: hostPaths(config.home),
  host: config.host ?? '127.0.0.1',
  wanted: true,
  ttlMs: config.certificateTtlMs,
  log,
  nowMs: Date.now,
});
// Without the first ones nothing starts: whoever started this hears of it.
for (const one of held) await identity.ensure(one);
log.info({ certificates: held.length, out }, 'issued');
const timer = setInterval(
  () => void identity.renewLeaves(held),
  Math.min(LOOK_EVERY_MS, config.certificateTtlMs / LOOKS_A_LIFE),
);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => clearInterval(timer));
