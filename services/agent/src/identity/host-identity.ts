/**
 * The certificates of this host: the authority of each root level born here, and the leaves of the management processes
 * the agent starts, of the agent itself and of the person at its command line. Renewed at half their life, with the same
 * key. Must never hand a key to anything but a file that only this host's user can read.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { HostPaths } from '@mitosis/actuators';
import { MitosisError } from '@mitosis/contracts';
import { ensureSealKey, isLoopback, TLS_FILES, TlsIdentity, type PeerName } from '@mitosis/identity';
import type { Authority } from '@mitosis/identity/authority';
import type { Log } from '../adapters/log.js';
import type { HostState } from '../state/records.js';

export interface HostIdentityOptions {
  readonly paths: HostPaths;
  /** Address of this host's instances. */
  readonly host: string;
  /** Whether root levels born from now on get certificates. */
  readonly wanted: boolean;
  readonly ttlMs: number;
  readonly log: Log;
  readonly nowMs: () => number;
}

interface Held {
  readonly name: PeerName;
  readonly directory: string;
}

export const rootOf = (level: string): string => level.split('.')[0] ?? level;

/** The TLS directory of an instance. */
export const tlsDirectory = (dir: string): string => join(dir, 'tls');

export class HostIdentity {
  /** Called when a root level has got certificates here. */
  onGuarded: (root: string) => void = () => undefined;
  private readonly authorities = new Map<string, Promise<Authority>>();

  constructor(private readonly options: HostIdentityOptions) {}

  /** Certificates for this level: as its root was born, or as the host is told for roots still to be born. */
  isGuarded(level: string): boolean {
    return existsSync(join(this.operatorDirectory(rootOf(level)), TLS_FILES.certificate));
  }

  /** Before the birth of a level: decides for a root, and makes what people need to reach it. Returns the decision. */
  async beforeBirth(level: string): Promise<boolean> {
    const root = rootOf(level);
    if (root === level && this.options.wanted) await this.ensureHostLeaves(root);
    const guarded = this.isGuarded(level);
    const { host } = this.options;
    if (!guarded && !isLoopback(host))
      throw new MitosisError(
        'invalid_input',
        `${host} can be reached from other machines, where nothing may listen without certificates: ` +
          'start the agent without MITOSIS_TLS=off, or with a loopback address in MITOSIS_HOST',
      );
    return guarded;
  }

  /** After a root level was removed: the next one of this name decides anew. Its authority stays. */
  forget(level: string): void {
    if (rootOf(level) === level)
      rmSync(join(this.options.paths.home, 'tls', level), { recursive: true, force: true });
  }

  /** Certificates of a root level that is not born here, for the agent and the people of this host. */
  async ensureHostLeaves(root: string): Promise<void> {
    for (const held of this.hostLeaves(root)) await this.ensure(held);
    this.onGuarded(root);
  }

  /** Root levels with certificates on this host. */
  roots(): readonly string[] {
    const directory = join(this.options.paths.home, 'tls');
    return existsSync(directory)
      ? readdirSync(directory)
          .filter((root) => this.isGuarded(root))
          .sort()
      : [];
  }

  /** Whether the agent's own TCP address needs certificates. */
  guards(host: string): boolean {
    return this.options.wanted || !isLoopback(host);
  }

  private hostLeaves(root: string): readonly Held[] {
    const id = hostname().replaceAll(/[^A-Za-z0-9.-]/gu, '-') || 'host';
    return [
      { name: { level: root, role: 'agent', id }, directory: this.agentDirectory(root) },
      { name: { level: root, role: 'operator', id }, directory: this.operatorDirectory(root) },
    ];
  }

  agentDirectory(root: string): string {
    return join(this.options.paths.home, 'tls', root, 'agent');
  }

  private operatorDirectory(root: string): string {
    return join(this.options.paths.home, 'tls', root, 'operator');
  }

  /** Makes the certificate unless one is there that has more than half of its life before it. */
  async ensure({ name, directory }: Held): Promise<void> {
    if (this.isFresh(directory)) return;
    const { keyIn, writeTlsDirectory } = await import('@mitosis/identity/authority');
    const authority = await this.authority(rootOf(name.level));
    const key = keyIn(directory);
    const { host, ttlMs, log } = this.options;
    const leaf = await authority.issue({
      ...name,
      hosts: [host, 'localhost', '127.0.0.1'],
      ttlMs,
      ...(key === undefined ? {} : { key }),
    });
    writeTlsDirectory(directory, leaf);
    log.debug({ level: name.level, role: name.role, id: name.id }, 'certificate issued');
  }

  /** For every certificate in use; a failed one is tried again at the next call. */
  async renew(instances: readonly Held[]): Promise<void> {
    await this.renewLeaves([...this.roots().flatMap((root) => this.hostLeaves(root)), ...instances]);
  }

  /** A failed one is told, and tried again at the next call. */
  async renewLeaves(leaves: readonly Held[]): Promise<void> {
    for (const held of leaves) {
      try {
        await this.ensure(held);
      } catch (error) {
        this.options.log.error({ ...held.name, error: String(error) }, 'a certificate could not be renewed');
      }
    }
  }

  /** The agent's own, for a root with certificates; throws MitosisError `not_found` for others. */
  ofAgent(root: string): TlsIdentity {
    if (this.isGuarded(root)) return new TlsIdentity(this.agentDirectory(root));
    throw new MitosisError(
      'not_found',
      `${root} is no root level with certificates here: bring it up with MITOSIS_TLS=on, then print a token`,
    );
  }

  async fingerprint(root: string): Promise<string> {
    return (await this.authority(root)).fingerprint();
  }

  /** Files of the root's authority, with the key of its secrets. */
  async authorityFiles(root: string): Promise<Readonly<Record<string, string>>> {
    const { readAuthority } = await import('@mitosis/identity/authority');
    const directory = authorityDirectory(this.options.paths.home, root);
    await this.authority(root);
    ensureSealKey(directory);
    return readAuthority(directory);
  }

  private isFresh(directory: string): boolean {
    const path = join(directory, TLS_FILES.certificate);
    if (!existsSync(path)) return false;
    const { validFrom, validTo } = new X509Certificate(readFileSync(path, 'utf8'));
    return this.options.nowMs() < (Date.parse(validFrom) + Date.parse(validTo)) / 2;
  }

  private authority(root: string): Promise<Authority> {
    const known = this.authorities.get(root);
    if (known !== undefined) return known;
    const opening = import('@mitosis/identity/authority').then(({ Authority }) =>
      Authority.open(authorityDirectory(this.options.paths.home, root), root, this.options.nowMs),
    );
    this.authorities.set(root, opening);
    opening.catch(() => this.authorities.delete(root));
    return opening;
  }
}

/** What can be reached from other machines is guarded unless the host was told otherwise, and then refuses to start. */
export const isWanted = ({ tls, host }: HostState): boolean =>
  tls === 'on' || (tls !== 'off' && !isLoopback(host));

export const authorityDirectory = (home: string, root: string): string => join(home, 'authority', root);
