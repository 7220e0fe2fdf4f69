/**
 * Speaks HTTP with one Docker engine. Every call has a bound; every stream ends with its signal. Knows nothing of what is
 * asked. Errors of the engine keep its words; an engine that does not answer is `unavailable`, with what to do about it.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { MitosisError, type ErrorCode } from '@mitosis/contracts';
import { SshConnections } from './dial-stdio.js';
import { spellAddress, type EngineAddress } from './engine-address.js';

const CALL_MS = 15_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

export interface EngineCall {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** For the whole answer, or for the beginning of a stream. Default 15,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What the engine said, besides the kind of error. */
export class EngineError extends MitosisError {
  constructor(
    code: ErrorCode,
    message: string,
    readonly status: number,
  ) {
    super(code, message);
    this.name = 'EngineError';
  }
}

export class EngineClient {
  /** `/v1.43`; empty: the engine's own newest. */
  version = '';
  private ssh: SshConnections | undefined;

  constructor(readonly address: EngineAddress) {}

  /** The answer's JSON; undefined when it has none. Throws MitosisError. */
  async call<T>(method: string, path: string, options: EngineCall = {}): Promise<T> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? CALL_MS);
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
    try {
      const response = await this.send(method, path, options, signal);
      const text = await readAll(response);
      // A ping is answered with a word.
      const isJson = response.headers['content-type']?.startsWith('application/json') === true;
      return (text === '' || !isJson ? undefined : JSON.parse(text)) as T;
    } catch (error) {
      throw this.explain(error, limit.aborted);
    }
  }

  /** An answer that goes on; the signal ends it. Throws MitosisError. */
  async stream(
    method: string,
    path: string,
    options: EngineCall & { readonly signal: AbortSignal },
  ): Promise<http.IncomingMessage> {
    const beginning = new AbortController();
    const timer = setTimeout(() => beginning.abort(), options.timeoutMs ?? CALL_MS);
    try {
      const response = await this.send(
        method,
        path,
        options,
        AbortSignal.any([options.signal, beginning.signal]),
      );
      // Ends like a stream; whoever reads it hears of it by `close`.
      response.on('error', () => response.destroy());
      return response;
    } catch (error) {
      throw this.explain(error, beginning.signal.aborted);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends connections that are kept for later calls. */
  close(): void {
    this.ssh?.destroy();
  }

  private send(
    method: string,
    path: string,
    { query = {}, body }: EngineCall,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const search = new URLSearchParams(query).toString();
    const versioned = path === '/_ping' || path === '/version' ? path : `${this.version}${path}`;
    return new Promise((resolve, reject) => {
      const request = this.open({
        method,
        path: search === '' ? versioned : `${versioned}?${search}`,
        signal,
        headers:
          text === undefined
            ? { 'content-length': 0 }
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      });
      request.once('error', reject);
      request.once('response', (response) => {
        const status = response.statusCode ?? 0;
        if (status < 400) resolve(response);
        else
          readAll(response).then(
            (said) => reject(new EngineError(codeOf(status), messageOf(said, status), status)),
            reject,
          );
      });
      request.end(text);
    });
  }

  private open(options: http.RequestOptions): http.ClientRequest {
    const { address } = this;
    switch (address.kind) {
      case 'unix':
        return http.request({ ...options, socketPath: address.path, agent: false });
      case 'tcp': {
        const { host, port, tls } = address;
        if (tls === null) return http.request({ ...options, host, port, agent: false });
        // Read each time: certificates are renewed while the agent runs.
        const [ca, cert, key] = [readFileSync(tls.ca), readFileSync(tls.cert), readFileSync(tls.key)];
        return https.request({ ...options, host, port, agent: false, ca, cert, key });
      }
      case 'ssh':
        this.ssh ??= new SshConnections(address);
        return http.request({ ...options, host: 'docker', agent: this.ssh });
      default:
        return address satisfies never;
    }
  }

  private explain(error: unknown, tooLate: boolean): MitosisError {
    if (error instanceof MitosisError) return error;
    const where = spellAddress(this.address);
    if (tooLate)
      return new MitosisError('unavailable', `the Docker engine at ${where} did not answer in time`, {
        cause: error,
      });
    const { code, message } = error as NodeJS.ErrnoException;
    if ((error as Error).name === 'AbortError')
      return new MitosisError('unavailable', `the call of the Docker engine at ${where} was ended`);
    return new MitosisError(
      'unavailable',
      `no Docker engine answers at ${where} (${code ?? message}): ${remedyOf(code)}`,
      { cause: error },
    );
  }
}

const remedyOf = (code = ''): string => {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'let this user use it (group docker), or name another engine with DOCKER_HOST';
    case 'ENOENT':
    case 'ECONNREFUSED':
      return 'start it (systemctl start docker), or say where it listens with DOCKER_HOST';
    default:
      return 'look whether it runs and whether DOCKER_HOST and DOCKER_CERT_PATH are right';
  }
};

const codeOf = (status: number): ErrorCode => {
  switch (status) {
    case 400:
      return 'invalid_input';
    case 401:
    case 403:
    case 404:
      return 'not_found';
    case 409:
      return 'conflict';
    default:
      return 'internal';
  }
};

const messageOf = (said: string, status: number): string => {
  try {
    const { message } = JSON.parse(said) as { message?: string };
    if (message !== undefined && message !== '') return message;
  } catch {
    // Told as it is.
  }
  return said.trim() === '' ? `the Docker engine answered ${status}` : said.trim().slice(0, 1_000);
};

const readAll = async (response: http.IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new MitosisError('exhausted', `the Docker engine's answer is over ${ANSWER_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks).toString();
};
