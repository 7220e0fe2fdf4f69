/**
 * GET another component as JSON, over kept connections. A connection error is retried once: the request is idempotent
 * and the next try finds a living instance. Never waits longer than `timeoutMs` altogether.
 */
import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

/** @param {string} url @param {number} timeoutMs @returns {Promise<any>} */
const once = (url, timeoutMs) =>
  new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        if (status !== 200) return reject(new Error(`${url} answered ${status}`));
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error(`${url} did not answer with JSON`));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer in ${timeoutMs} ms`)));
    request.on('error', reject);
  });

const CONNECTION_ERRORS = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']);

/** @param {string} url @param {number} timeoutMs @returns {Promise<any>} */
export const getJson = async (url, timeoutMs) => {
  const startedAt = performance.now();
  try {
    return await once(url, timeoutMs);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const leftMs = timeoutMs - (performance.now() - startedAt);
    if (!CONNECTION_ERRORS.has(code) || leftMs < 50) throw error;
    return once(url, leftMs);
  }
};
