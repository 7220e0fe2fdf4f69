/**
 * Where hosts join a root level: a port of its own that is open only while a join token is valid. Whoever shows one gets
 * the authority and with it may be everybody in that root; everybody else gets one line in the log and no reason. Tokens
 * live in memory: those of an agent that ended are void.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MitosisError } from '@mitosis/contracts';
import {
  encodeJoinToken,
  givenToken,
  isSpent,
  newJoinSecret,
  redeem,
  RefusalLog,
  TLS_MIN_VERSION,
  type GivenToken,
  type TlsIdentity,
} from '@mitosis/identity';
import type { Log } from '../adapters/log.js';
import type { HostServices } from '../levels/host-services.js';

export interface JoinDeskOptions {
  /** Address to bind and to be reached at; its port is any free one. */
  readonly host: string;
  readonly log: Log;
  readonly nowMs: () => number;
  /** The agent's certificate for the root; throws MitosisError `not_found` where that has none. */
  readonly identityOf: (root: string) => TlsIdentity;
  readonly fingerprintOf: (root: string) => Promise<string>;
  /** Files of the root's authority. */
  readonly authorityOf: (root: string) => Promise<Readonly<Record<string, string>>>;
}

interface Desk {
  readonly root: string;
  readonly server: Server;
  readonly identity: TlsIdentity;
  readonly tokens: Map<string, GivenToken>;
}

const TTL_MAX_MS = 24 * 3_600_000;
const USES_MAX = 100;
const TOKENS_MAX = 20;
const BODY_MAX = 4_096;
const REQUEST_MS = 5_000;
const SWEEP_MS = 1_000;

export class JoinDesk {
  private readonly desks = new Map<string, Desk>();
  private timer: NodeJS.Timeout | undefined;
  private readonly refusals: RefusalLog;

  constructor(private readonly options: JoinDeskOptions) {
    this.refusals = new RefusalLog({ tell: (line) => options.log.warn({ ...line }, 'a client was refused') });
  }

  /** Throws MitosisError `invalid_input` or `exhausted`. */
  async give(root: string, ttlMs: number, uses: number): Promise<{ token: string; expiresAtMs: number }> {
    if (!(ttlMs > 0 && ttlMs <= TTL_MAX_MS))
      throw new MitosisError('invalid_input', 'a join token lives at most 24 hours: give a shorter --ttl');
    if (!(Number.isInteger(uses) && uses > 0 && uses <= USES_MAX))
      throw new MitosisError('invalid_input', `a join token has 1 to ${USES_MAX} uses`);
    const desk = this.desks.get(root) ?? (await this.open(root));
    if (desk.tokens.size >= TOKENS_MAX)
      throw new MitosisError('exhausted', `${TOKENS_MAX} join tokens are valid already: wait until they end`);
    const expiresAtMs = this.options.nowMs() + ttlMs;
    const { id, secret } = newJoinSecret();
    desk.tokens.set(id, givenToken(id, secret, expiresAtMs, uses));
    const { port } = desk.server.address() as AddressInfo;
    const fingerprint = await this.options.fingerprintOf(root);
    const address = `${this.options.host.includes(':') ? `[${this.options.host}]` : this.options.host}:${port}`;
    return { token: encodeJoinToken({ root, address, fingerprint, id, secret, expiresAtMs }), expiresAtMs };
  }

  close(): void {
    for (const root of this.desks.keys()) this.shut(root);
  }

  private async open(root: string): Promise<Desk> {
    const identity = this.options.identityOf(root);
    const { certificate, key } = identity.material;
    const server = createServer({ cert: certificate, key, minVersion: TLS_MIN_VERSION });
    server.requestTimeout = REQUEST_MS;
    server.headersTimeout = REQUEST_MS;
    const desk: Desk = { root, server, identity, tokens: new Map() };
    server.on('request', (request, response) => void this.answer(desk, request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.options.host, port: 0 }, resolve);
    });
    this.desks.set(root, desk);
    this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    return desk;
  }

  private async answer(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.url === '/ca') {
      response.end(desk.identity.material.authority);
      return;
    }
    const remote = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
    try {
      const { id, secret } = await credentialsIn(request);
      const verdict = redeem(desk.tokens.get(id), secret, this.options.nowMs());
      if (verdict.token !== undefined) desk.tokens.set(verdict.token.id, verdict.token);
      if (verdict.kind === 'refused') throw new MitosisError('fenced', verdict.reason);
      const files = await this.options.authorityOf(desk.root);
      this.options.log.warn(
        { root: desk.root, from: remote, token: id },
        'a host joins: it is given the authority',
      );
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(files));
    } catch (error) {
      this.refusals.at('join')(remote, error instanceof MitosisError ? error.message : 'no request to join');
      response.statusCode = 403;
      response.end();
    }
    this.sweep();
  }

  /** Ports of spent tokens are not left open. */
  private sweep(): void {
    for (const { root, tokens } of this.desks.values()) {
      for (const [id, token] of tokens) if (isSpent(token, this.options.nowMs())) tokens.delete(id);
      if (tokens.size === 0) this.shut(root);
    }
  }

  private shut(root: string): void {
    const desk = this.desks.get(root);
    this.desks.delete(root);
    // What is being answered gets its answer.
    desk?.server.close();
    desk?.server.closeIdleConnections();
    desk?.identity.close();
    if (this.desks.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

export const joinDesk = ({ host, log, nowMs, identity }: HostServices): JoinDesk =>
  new JoinDesk({
    host,
    log,
    nowMs,
    identityOf: (root) => identity.ofAgent(root),
    fingerprintOf: (root) => identity.fingerprint(root),
    authorityOf: (root) => identity.authorityFiles(root),
  });

const credentialsIn = async (request: IncomingMessage): Promise<{ id: string; secret: string }> => {
  if (request.method !== 'POST' || request.url !== '/join')
    throw new MitosisError('invalid_input', 'it asked for something else than to join');
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > BODY_MAX) throw new MitosisError('invalid_input', 'its request is too long');
  }
  const { id, secret } = JSON.parse(body) as { readonly id?: unknown; readonly secret?: unknown };
  if (typeof id !== 'string' || typeof secret !== 'string')
    throw new MitosisError('invalid_input', 'it showed no token');
  return { id, secret };
};
