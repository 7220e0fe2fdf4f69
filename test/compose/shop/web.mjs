/** Each page asks for a quote; a connection error is tried once more, as any client of a network does. */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { serve } from './serve.mjs';

const QUOTE = 'http://quote:8080/';
const LONGEST_MS = 25_000;
/** An address that another router takes over refuses for a moment. */
const AGAIN_AFTER_MS = 1_500;
const kept = new http.Agent({ keepAlive: true, maxSockets: 32 });
/** For the second try: what else is kept may have broken as well, unnoticed. */
const fresh = new http.Agent({ keepAlive: false });

const ask = (agent) =>
  new Promise((resolve, reject) => {
    const request = http.get(QUOTE, { agent, timeout: LONGEST_MS }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => (body += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 502, body }));
      answer.on('error', reject);
    });
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error('no quote in time'), { late: true })),
    );
    request.on('error', reject);
  });

const quote = async () => {
  try {
    return await ask(kept);
  } catch (error) {
    if (error.late) throw error;
    await pause(AGAIN_AFTER_MS);
    return ask(fresh);
  }
};

serve(async () => {
  try {
    return await quote();
  } catch (error) {
    return { status: 502, body: `quote: ${error.message}` };
  }
});
