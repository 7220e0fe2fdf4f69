/** Asks a service of a level with certificates over HTTP, with a certificate of the level. Bounded. */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { TLS_FILES } from '@mitosis/identity';

const BOUND_MS = 2_000;

/** Rejects when nobody answers, or who does is not of the directory's authority. */
export const askGuarded = (directory: string, port: number, path: string): Promise<Response> =>
  new Promise((resolve, reject) => {
    const read = (file: string): string => readFileSync(join(directory, file), 'utf8');
    const request = https.get(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        signal: AbortSignal.timeout(BOUND_MS),
        cert: read(TLS_FILES.certificate),
        key: read(TLS_FILES.key),
        ca: read(TLS_FILES.authority),
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve(new Response(text, { status: answer.statusCode ?? 500 })));
      },
    );
    request.on('error', reject);
  });
