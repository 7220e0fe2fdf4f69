/**
 * The agent's TCP address behind mutual TLS, for the processes of its levels on other hosts. It opens once a root level
 * with certificates is known here: before, there is nobody whose calls could be right. A caller reaches its own level and
 * what is below, and the calls that are about the host need an agent's or a person's certificate.
 */
import {
  experimental,
  ServerCredentials,
  ServerInterceptingCall,
  status,
  type Server,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import {
  admitClient,
  listenGuarded,
  mayTouch,
  peerNameOf,
  RefusalLog,
  TlsIdentity,
  type GuardedListener,
  type PeerName,
} from '@mitosis/identity';
import type { Log } from '../adapters/log.js';

export interface GuardedPortOptions {
  readonly server: Server;
  /** TLS directory of the agent for its root level. */
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly log: Log;
}

/** Throws MitosisError `unavailable` when the address cannot be bound. */
export const openGuardedPort = async (options: GuardedPortOptions): Promise<GuardedListener> => {
  const { server, directory, host, port, log } = options;
  const refusals = new RefusalLog({ tell: (line) => log.warn({ ...line }, 'a client was refused') });
  const onRefused = refusals.at('agent');
  const identity = new TlsIdentity(directory, {
    onTrouble: (error) => log.warn({ reason: error.message }, 'the certificate could not be read again'),
  });
  const injector = server.createConnectionInjector(
    experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
      onlyOwnLevels(onRefused),
    ]),
  );
  return listenGuarded({
    identity,
    host,
    port,
    protocols: ['h2'],
    admit: (client) => admitClient(identity.name, client),
    onConnection: (socket) => injector.injectConnection(socket),
    onRefused,
  });
};

const HOSTS_OWN: ReadonlySet<string> = new Set([
  '/mitosis.v1.Agent/Shutdown',
  '/mitosis.v1.Agent/JoinToken',
  // It names a program to run.
  '/mitosis.v1.Agent/UpgradeEtcd',
]);

const onlyOwnLevels =
  (onRefused: (remote: string, reason: string) => void): ServerInterceptor =>
  ({ path }, call) => {
    const client = peerNameOf(call.getAuthContext().sslPeerCertificate?.subjectaltname);
    const refuse = (reason: string): void => {
      onRefused(call.getPeer(), reason);
      call.sendStatus({ code: status.PERMISSION_DENIED, details: reason });
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMessage: (message: unknown, forward) => {
            const reason = reasonAgainst(client, path, message);
            if (reason === undefined) forward(message);
            else refuse(reason);
          },
        }),
    });
  };

/** Why this client may not make this call; undefined: it may. */
export const reasonAgainst = (
  client: PeerName | undefined,
  path: string,
  message: unknown,
): string | undefined => {
  if (client === undefined) return 'its certificate names nobody of Mitosis';
  const { level, act } = message as { readonly level?: string; readonly act?: { readonly level?: string } };
  const foreign = [level, act?.level].find(
    (one) => one !== undefined && one !== '' && !mayTouch(client, one),
  );
  if (foreign !== undefined) return `${client.role} ${client.id} of ${client.level} may not touch ${foreign}`;
  if (HOSTS_OWN.has(path) && client.role !== 'agent' && client.role !== 'operator')
    return `${path} is for agents and people, not for ${client.role} ${client.id} of ${client.level}`;
  return undefined;
};
