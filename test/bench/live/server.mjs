/**
 * An instance of known capacity that costs no processor: one worker, first come first served, busy for as long as the
 * request says (`?ms=`). All of it is timers, so that twenty of them fit on two cores.
 */
import http from 'node:http';

let freeAtMs = 0;

const server = http.createServer((request, response) => {
  const asked = Number(new URL(request.url ?? '/', 'http://instance').searchParams.get('ms'));
  const nowMs = performance.now();
  freeAtMs = Math.max(nowMs, freeAtMs) + (Number.isFinite(asked) && asked > 0 ? asked : 0);
  // From the moment it should end, not from timer to timer: their rounding must not add up.
  setTimeout(() => response.end('done'), freeAtMs - nowMs);
});
server.keepAliveTimeout = 60_000;

setTimeout(() => server.listen(Number(process.env.PORT), process.env.HOST), Number(process.env.START_MS));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
