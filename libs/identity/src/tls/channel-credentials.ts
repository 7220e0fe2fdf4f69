/**
 * gRPC client credentials that follow a renewed certificate: every new connection is made with what is in force then.
 * The server is known by the name in its certificate, never by its address, which changes hands.
 */
import { ChannelCredentials, type CallCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import { covers, distrustOf } from '../decide/admission.js';
import { peerNameOf, type PeerName } from '../decide/peer-name.js';
import type { TlsIdentity } from './tls-identity.js';

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;
type Target = Parameters<ChannelCredentials['_createSecureConnector']>[0];

/** Why this server is not the one wanted; undefined: it is. */
export type ServerCheck = (server: PeerName) => string | undefined;

/** Servers are told this name and not their address, which TLS does not allow to be a number. */
const SERVER_NAME = 'mitosis';

class IdentityCredentials extends ChannelCredentials {
  private readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;

  constructor(
    private readonly identity: TlsIdentity,
    check: ServerCheck,
  ) {
    super();
    this.checkServerIdentity = (_host, certificate) => {
      const server = peerNameOf(certificate.subjectaltname);
      const why = server === undefined ? 'the server’s certificate names nobody of Mitosis' : check(server);
      return why === undefined ? undefined : new Error(why);
    };
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: Target,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): Connector {
    const named = { ...options, 'grpc.ssl_target_name_override': SERVER_NAME };
    const connector = (): Connector =>
      ChannelCredentials.createFromSecureContext(this.identity.context, {
        checkServerIdentity: this.checkServerIdentity,
      })._createSecureConnector(target, named, callCredentials);
    const first = connector();
    return {
      connect: (socket) => connector().connect(socket),
      waitForReady: () => first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    };
  }
}

/** To processes of Mitosis, judged by `distrustOf`. */
export const peerCredentials = (identity: TlsIdentity): ChannelCredentials =>
  new IdentityCredentials(identity, (server) => distrustOf(identity.name, server));

/** To the etcd members of the own level, or of a level above that shares them, and to nothing else. */
export const etcdCredentials = (identity: TlsIdentity): ChannelCredentials =>
  new IdentityCredentials(identity, ({ level, role }) =>
    covers(level, identity.name.level) && role === 'etcd'
      ? undefined
      : `the server is ${role} of ${level}, not etcd of ${identity.name.level} or of a level above`,
  );
