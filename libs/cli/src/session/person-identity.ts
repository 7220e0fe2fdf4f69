/**
 * The certificate of the person at this host's command line, which the agent makes for each root level that has
 * certificates. A level without one speaks plain gRPC on loopback.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { peerCredentials, TLS_FILES, TlsIdentity } from '@mitosis/identity';

export class PersonIdentity {
  private readonly identities = new Map<string, TlsIdentity>();

  constructor(private readonly home: string) {}

  /** Where it lies: for tools of others, such as etcdctl. Undefined: the level has no certificates. */
  directory(level: string): string | undefined {
    const root = level.split('.')[0] ?? level;
    const directory = join(this.home, 'tls', root, 'operator');
    return existsSync(join(directory, TLS_FILES.certificate)) ? directory : undefined;
  }

  credentials(level: string): ChannelCredentials {
    const directory = this.directory(level);
    if (directory === undefined) return credentials.createInsecure();
    const identity = this.identities.get(directory) ?? new TlsIdentity(directory);
    this.identities.set(directory, identity);
    return peerCredentials(identity);
  }

  close(): void {
    for (const identity of this.identities.values()) identity.close();
  }
}
