/**
 * A TCP port behind mutual TLS: a connection reaches the server behind it only with a certificate of our authority and a
 * name that may call. One listener for gRPC, HTTP and the agent, so that all refuse alike: the connection is closed and
 * told once. Must never hand on a connection whose peer it does not know.
 */
import { constants } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { MitosisError } from '@mitosis/contracts';
import type { Admission } from '../decide/admission.js';
import { peerNameOf, type PeerName } from '../decide/peer-name.js';
import { refusalReason } from '../decide/refusal.js';
import { TLS_MIN_VERSION, type TlsIdentity } from './tls-identity.js';

export interface GuardedListenerOptions {
  readonly identity: TlsIdentity;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Protocols offered, such as `h2`. */
  readonly protocols: readonly string[];
  readonly admit: (client: PeerName) => Admission;
  readonly onConnection: (socket: TLSSocket, client: PeerName, admission: Admission) => void;
  readonly onRefused: (remote: string, reason: string) => void;
}

export interface GuardedListener {
  readonly port: number;
  /** No new connections; those handed on belong to whoever got them. */
  close(): void;
}

/** Throws MitosisError `unavailable` when the address cannot be bound. */
export const listenGuarded = async (options: GuardedListenerOptions): Promise<GuardedListener> => {
  const { identity, host, port, onRefused } = options;
  const server = createServer({
    ...contextOf(identity),
    ALPNProtocols: [...options.protocols],
    requestCert: true,
    // Refused below, where the reason is known and can be told.
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket) => welcome(socket, options));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    // Whoever only looks whether this process lives connects and says nothing.
    if (socket.bytesRead > 0) onRefused(remoteOf(socket), refusalReason(error.code ?? error.message));
  });
  const unsubscribe = identity.onChange(() => server.setSecureContext(contextOf(identity)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      unsubscribe();
      reject(
        new MitosisError('unavailable', `cannot bind ${host}:${port}: ${error.message}`, { cause: error }),
      );
    });
    server.listen({ host, port }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      unsubscribe();
      server.close();
    },
  };
};

const contextOf = (identity: TlsIdentity) =>
  ({
    cert: identity.material.certificate,
    key: identity.material.key,
    ca: identity.material.authority,
    minVersion: TLS_MIN_VERSION,
    // A ticket would let a session go on after its certificate has ended.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }) as const;

const welcome = (socket: TLSSocket, options: GuardedListenerOptions): void => {
  // A peer that resets is no event; without a listener it would end the process.
  socket.on('error', () => undefined);
  const refuse = (reason: string): void => {
    options.onRefused(remoteOf(socket), reason);
    socket.destroy();
  };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return refuse('it showed no certificate');
  if (!socket.authorized) return refuse(refusalReason(String(socket.authorizationError)));
  const client = peerNameOf(certificate.subjectAltName);
  if (client === undefined) return refuse('its certificate names nobody of Mitosis');
  const admission = options.admit(client);
  if (admission.kind === 'refused') return refuse(admission.reason);
  options.onConnection(socket, client, admission);
};

const remoteOf = ({ remoteAddress, remotePort }: Socket): string =>
  remoteAddress === undefined ? 'an address that is gone' : `${remoteAddress}:${remotePort}`;
