/**
 * Clients that must be refused: without a certificate, with an expired one, of another level, and of another authority
 * that claims the right name. They take any server, so that what refuses them is the server.
 */
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { TlsIdentity, type PeerName } from '@mitosis/identity';
import { Authority, writeTlsDirectory } from '@mitosis/identity/authority';

export interface Stranger {
  readonly who: string;
  readonly identity: TlsIdentity | null;
}

const HOUR_MS = 3_600_000;

export class Certificates {
  private made = 0;

  private constructor(
    private readonly directory: string,
    private readonly shop: Authority,
    private readonly foreign: Authority,
  ) {}

  /** Of the root level `shop`, and of another authority that calls itself the same. `authority`: its directory. */
  static async in(directory: string, authority = join(directory, 'authority')): Promise<Certificates> {
    return new Certificates(
      directory,
      await Authority.open(authority, 'shop'),
      await Authority.open(join(directory, 'foreign'), 'shop'),
    );
  }

  /** The TLS directory of a new certificate. */
  async issue(
    name: PeerName,
    options: { readonly ttlMs?: number; readonly foreign?: boolean } = {},
  ): Promise<string> {
    const directory = join(this.directory, `tls-${(this.made += 1)}`);
    const authority = options.foreign === true ? this.foreign : this.shop;
    const hosts = ['127.0.0.1', 'localhost'];
    writeTlsDirectory(directory, await authority.issue({ ...name, hosts, ttlMs: options.ttlMs ?? HOUR_MS }));
    return directory;
  }

  async strangers(right: PeerName): Promise<readonly Stranger[]> {
    const identity = async (...args: Parameters<Certificates['issue']>): Promise<TlsIdentity> =>
      new TlsIdentity(await this.issue(...args));
    return [
      { who: 'without a certificate', identity: null },
      { who: 'with an expired certificate', identity: await identity(right, { ttlMs: 1 }) },
      { who: 'of another level', identity: await identity({ ...right, level: 'shop.other' }) },
      { who: 'of another authority', identity: await identity(right, { foreign: true }) },
    ];
  }
}

/** What a client got over its connection: bytes (it was served), or an end. Bounded. */
export const knock = (
  port: number,
  identity: TlsIdentity | null,
  protocol: 'h2' | 'http/1.1',
  path = '/healthz',
  host = '127.0.0.1',
): Promise<{ readonly served: boolean; readonly how: string }> =>
  new Promise((resolve) => {
    const material = identity?.material;
    const socket: TLSSocket = connect({
      port,
      host,
      ALPNProtocols: [protocol],
      rejectUnauthorized: false,
      ...(material === undefined
        ? {}
        : { cert: material.certificate, key: material.key, ca: material.authority }),
    });
    let answer = '';
    const done = (served: boolean, how: string): void => {
      clearTimeout(bound);
      socket.destroy();
      resolve({ served, how });
    };
    const bound = setTimeout(() => done(answer !== '', 'nothing in five seconds'), 5_000);
    socket.on('secureConnect', () => {
      if (protocol === 'http/1.1')
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      // The preface of HTTP/2 and an empty SETTINGS frame: a server that serves answers with its own.
      else
        socket.write(
          Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000', 'hex'),
        );
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (protocol === 'h2') done(true, 'it answered');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => done(answer !== '', error.code ?? error.message));
    socket.on('close', () => done(answer !== '', answer === '' ? 'closed' : answer.slice(0, 15)));
  });
