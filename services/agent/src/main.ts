/** Starts the agent of this host; ends at once, successfully, when one runs already. */
import { readAgentConfig } from './agent.config.js';
import { createLog } from './adapters/log.js';
import { runAgent } from './serve/run-agent.js';

export const VERSION = '0.1.0';

const config = readAgentConfig(process.env);
const log = createLog(config.logLevel);
process.on('uncaughtException', (error) => {
  // The next one starts from the same records; to go on with half a change in memory is worse.
  log.error({ error: error.stack ?? String(error) }, 'ends after an unexpected error');
  process.exit(1);
});
const running = await runAgent({ config, log, env: process.env, version: VERSION });
if (running === undefined) log.info({ home: config.home }, 'an agent of this home runs already');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => running?.end());
// A terminal that closes is no reason for a host to lose its agent.
process.on('SIGHUP', () => undefined);
await running?.ended;
process.exit(0);
