/**
 * The edges of a process behind mutual TLS: connections come from a guarded listener and are handed to the servers behind
 * it, which never listen themselves. The level above reaches the calls of the hierarchy and nothing else.
 */
import type { Server as HttpServer } from 'node:http';
import {
  experimental,
  ServerCredentials,
  ServerInterceptingCall,
  status,
  type Server as GrpcServer,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import {
  admitClient,
  HIERARCHY_CALLS,
  listenGuarded,
  type Admission,
  type GuardedListener,
  type PeerName,
  type RefusalLog,
  type TlsIdentity,
} from '@mitosis/identity';

export interface EdgeGuard {
  readonly identity: TlsIdentity;
  readonly refusals: RefusalLog;
}

export interface BindAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Serves the gRPC server's services at the address. Throws MitosisError `unavailable` when it cannot be bound. */
export const listenForGrpc = (
  server: GrpcServer,
  { identity, refusals }: EdgeGuard,
  address: BindAddress,
): Promise<GuardedListener> => {
  const plain = ServerCredentials.createInsecure();
  const full = server.createConnectionInjector(plain);
  const hierarchy = server.createConnectionInjector(
    experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
      onlyHierarchy(refusals),
    ]),
  );
  return listenGuarded({
    ...address,
    identity,
    protocols: ['h2'],
    admit: (client) => admitClient(identity.name, client),
    onConnection: (socket, _client, { kind }) =>
      (kind === 'full' ? full : hierarchy).injectConnection(socket),
    onRefused: refusals.at('grpc'),
  });
};

const onlyHierarchy =
  (refusals: RefusalLog): ServerInterceptor =>
  ({ path }, call) => {
    if (HIERARCHY_CALLS.has(path)) return new ServerInterceptingCall(call);
    const reason = `${path} is not for the level above`;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: () => {
            refusals.at('grpc')(call.getPeer(), reason);
            call.sendStatus({ code: status.PERMISSION_DENIED, details: reason });
          },
        }),
    });
  };

/** Only for the own level, its agents and its people: what the edge shows is no business of the level above. */
export const listenForHttp = (
  server: HttpServer,
  { identity, refusals }: EdgeGuard,
  address: BindAddress,
): Promise<GuardedListener> =>
  listenGuarded({
    ...address,
    identity,
    protocols: ['http/1.1'],
    admit: (client) => ownOnly(identity.name, client),
    onConnection: (socket) => server.emit('connection', socket),
    onRefused: refusals.at('http'),
  });

const ownOnly = (own: PeerName, client: PeerName): Admission => {
  const admission = admitClient(own, client);
  return admission.kind === 'hierarchy'
    ? { kind: 'refused', reason: `the level above (${client.level}) has no access to this edge` }
    : admission;
};
