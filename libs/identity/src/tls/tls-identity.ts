/**
 * A process's own certificate, read from the directory that MITOSIS_TLS_DIR names and read again when it changes, so that
 * a renewed certificate needs no restart. Must never go from a working certificate to a broken one: what cannot be used
 * is told and the one before stays.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MitosisError } from '@mitosis/contracts';
import { peerNameOf, peerUri, type PeerName } from '../decide/peer-name.js';

/** Files of a TLS directory. `cert.pem` is the leaf and what links it to `ca.pem`; `level.pem` is for etcd alone. */
export const TLS_FILES = {
  certificate: 'cert.pem',
  key: 'key.pem',
  authority: 'ca.pem',
  levelAuthority: 'level.pem',
} as const;

export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** Root certificates peers are checked against. */
  readonly authority: string;
}

export interface TlsIdentityOptions {
  /** What was wrong with changed files; default: nobody is told. */
  readonly onTrouble?: (error: MitosisError) => void;
  /** How often files are looked at, in ms. Certificates are renewed at half their life, which is hours. */
  readonly pollMs?: number;
}

interface Loaded {
  readonly material: TlsMaterial;
  readonly name: PeerName;
  readonly digest: string;
  readonly expiresAtMs: number;
}

const POLL_MS = 10_000;
export const TLS_MIN_VERSION = 'TLSv1.3';

export class TlsIdentity {
  private readonly listeners = new Set<() => void>();
  private readonly timer: NodeJS.Timeout;
  private seen: string;
  /** Stamp of files that could not be used and were told of. */
  private told = '';
  private loaded: Loaded;
  private secureContext: SecureContext | undefined;

  /** Throws MitosisError `invalid_input` that names the file, what is wrong and the remedy. */
  constructor(
    readonly directory: string,
    private readonly options: TlsIdentityOptions = {},
  ) {
    this.seen = stampOf(directory);
    this.loaded = load(directory);
    this.timer = setInterval(() => this.look(), options.pollMs ?? POLL_MS);
    this.timer.unref();
  }

  get name(): PeerName {
    return this.loaded.name;
  }

  get material(): TlsMaterial {
    return this.loaded.material;
  }

  get expiresAtMs(): number {
    return this.loaded.expiresAtMs;
  }

  /** For connections this process opens; a new one after each renewal. */
  get context(): SecureContext {
    const { certificate, key, authority } = this.material;
    this.secureContext ??= createSecureContext({
      cert: certificate,
      key,
      ca: authority,
      minVersion: TLS_MIN_VERSION,
    });
    return this.secureContext;
  }

  /** Called after each renewal; returns what ends it. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Looks at the files now; true when something new is in force. */
  look(): boolean {
    const stamp = stampOf(this.directory);
    if (stamp === this.seen) return false;
    let next: Loaded;
    try {
      next = load(this.directory);
      if (peerUri(next.name) !== peerUri(this.name))
        throw new MitosisError('invalid_input', `${this.directory} holds a certificate of somebody else now`);
    } catch (error) {
      // Half-written files are whole at the next look; the stamp is not kept, so that they are read again then.
      if (stamp !== this.told) this.options.onTrouble?.(error as MitosisError);
      this.told = stamp;
      return false;
    }
    this.seen = stamp;
    if (next.digest === this.loaded.digest) return false;
    this.loaded = next;
    this.secureContext = undefined;
    for (const listener of Array.from(this.listeners)) listener();
    return true;
  }

  close(): void {
    clearInterval(this.timer);
    this.listeners.clear();
  }
}

const READ = [TLS_FILES.certificate, TLS_FILES.key, TLS_FILES.authority] as const;

/** Changes with the files, also where a mount swaps whole directories. */
const stampOf = (directory: string): string =>
  READ.map((file) => {
    try {
      const { ino, mtimeMs, size } = statSync(join(directory, file));
      return `${ino}:${mtimeMs}:${size}`;
    } catch {
      return '-';
    }
  }).join(' ');

const readOne = (directory: string, file: string): string => {
  const path = join(directory, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(
      `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      error,
    );
  }
};

const load = (directory: string): Loaded => {
  const [certificate = '', key = '', authority = ''] = READ.map((file) => readOne(directory, file));
  const path = join(directory, TLS_FILES.certificate);
  const leaf = parse(certificate, path);
  parse(authority, join(directory, TLS_FILES.authority));
  assertBelongs(certificate, key, directory);
  const name = peerNameOf(leaf.subjectAltName);
  if (name === undefined)
    throw invalid(
      `${path} names nobody: its subject alternative names hold no mitosis://<level>/<role>/<id>`,
    );
  const digest = createHash('sha256').update(certificate).update(key).update(authority).digest('hex');
  return {
    material: { certificate, key, authority },
    name,
    digest,
    expiresAtMs: Date.parse(leaf.validTo),
  };
};

const parse = (pem: string, path: string): X509Certificate => {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalid(`${path} is no certificate in PEM`, error);
  }
};

const assertBelongs = (certificate: string, key: string, directory: string): void => {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw invalid(
      `${join(directory, TLS_FILES.key)} is not the key of ${join(directory, TLS_FILES.certificate)}`,
      error,
    );
  }
};

const invalid = (what: string, cause?: unknown): MitosisError =>
  new MitosisError(
    'invalid_input',
    `${what}: MITOSIS_TLS_DIR names a directory with ${READ.join(', ')}, as \`mitosis certificates\` writes it`,
    { cause },
  );
