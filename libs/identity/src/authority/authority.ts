/**
 * The certificate authority of one root level: a root certificate, one intermediate for each level below it, and leaves
 * that live hours. Keys stay in its directory, readable by its user alone. An etcd trusts its level's intermediate only,
 * so that another level's certificate is nothing to it; everybody else trusts the root and reads the name.
 */
import 'reflect-metadata';
import { createECDH, hkdfSync, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import * as x509 from '@peculiar/x509';
import { covers } from '../decide/admission.js';
import { ETCD_ROOT_ROLE, ETCD_ROOT_USER, etcdUser } from '../decide/etcd-user.js';
import { isNamePart, peerUri, type PeerName } from '../decide/peer-name.js';
import { alternativeNames } from './alternative-names.js';
import { writeSecret } from './secret-file.js';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export interface LeafRequest extends PeerName {
  /** Addresses and DNS names it is reached at, for those (etcd) that look at them. */
  readonly hosts: readonly string[];
  readonly ttlMs: number;
  /** PEM of a key to certify again; default: a new one. A renewal keeps it, so that key and certificate always fit. */
  readonly key?: string;
}

export interface Leaf {
  /** The leaf and the level's intermediate, PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Root certificate. */
  readonly authority: string;
  /** The level's intermediate alone: what its etcd trusts. */
  readonly levelAuthority: string;
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365 * 24 * 3_600_000;
/** Authorities are replaced by hand (docs/security.md), leaves by themselves. */
const AUTHORITY_MS = 10 * YEAR_MS;
/** Clocks of other hosts may be behind. */
const SKEW_MS = 5 * 60_000;

const { subtle } = webcrypto;

export class Authority {
  private readonly levels = new Map<string, Promise<Signer>>();

  private constructor(
    private readonly directory: string,
    /** The level everything of this authority is within. */
    readonly root: string,
    private readonly signer: Signer,
    private readonly nowMs: () => number,
  ) {}

  /** Reads what is in the directory, or makes it. Throws MitosisError `invalid_input` when it belongs to another root. */
  static async open(directory: string, root: string, nowMs: () => number = Date.now): Promise<Authority> {
    if (!isNamePart(root) || root.includes('.'))
      throw new MitosisError(
        'invalid_input',
        `${JSON.stringify(root)} is no root level: a name without dots is`,
      );
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const signer =
      readSigner(directory, 'ca') ??
      (await saveSigner(
        directory,
        'ca',
        await makeSigner(`mitosis ${root}`, await newKeys(), undefined, nowMs()),
      ));
    const found = await signer;
    if (found.certificate.subject !== `CN=mitosis ${root}`)
      throw new MitosisError(
        'invalid_input',
        `${directory} holds the authority of ${found.certificate.subject}, not of ${root}: name another directory`,
      );
    return new Authority(directory, root, found, nowMs);
  }

  get certificate(): string {
    return pem(this.signer.certificate);
  }

  /** SHA-256 of the root certificate, lower-case hex: what a join token carries. */
  async fingerprint(): Promise<string> {
    return Buffer.from(await this.signer.certificate.getThumbprint('SHA-256')).toString('hex');
  }

  /** Throws MitosisError `invalid_input` for names outside of the root. */
  async issue(request: LeafRequest): Promise<Leaf> {
    assertNames(this.root, request);
    const issuer = await this.level(request.level);
    const keys = await leafKeys(request.key);
    const nowMs = this.nowMs();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${commonName(request)}`,
      issuer: issuer.certificate.subject,
      notBefore: new Date(nowMs - SKEW_MS),
      notAfter: new Date(nowMs + request.ttlMs),
      publicKey: keys.publicKey,
      signingKey: issuer.key,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // etcd shows its server certificate where it is a client, too.
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension(alternativeNames(peerUri(request), request.hosts)),
      ],
    });
    const levelAuthority = pem(issuer.certificate);
    return {
      certificate: pem(certificate) + levelAuthority,
      key: keys.pem,
      authority: this.certificate,
      levelAuthority,
    };
  }

  private level(level: string): Promise<Signer> {
    const known = this.levels.get(level);
    if (known !== undefined) return known;
    const directory = join(this.directory, 'levels');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const signer =
      readSigner(directory, level) ??
      this.makeLevel(level).then((made) => saveSigner(directory, level, made));
    this.levels.set(level, signer);
    signer.catch(() => this.levels.delete(level));
    return signer;
  }

  /** From the root's key, so that every host of the root signs for a level with the same key: etcd knows one. */
  private async makeLevel(level: string): Promise<Signer> {
    const { d = '' } = await subtle.exportKey('jwk', this.signer.key);
    const keys = await derivedKeys(Buffer.from(d, 'base64url'), `mitosis level ${level}`);
    return makeSigner(`mitosis level ${level}`, keys, this.signer, this.nowMs());
  }
}

const assertNames = (root: string, { level, role, id, hosts, ttlMs }: LeafRequest): void => {
  const wrong = [level, role, id].find((part) => !isNamePart(part));
  if (wrong !== undefined)
    throw new MitosisError(
      'invalid_input',
      `${JSON.stringify(wrong)} is no name: letters, digits, . _ - are`,
    );
  if (!covers(root, level))
    throw new MitosisError('invalid_input', `level ${level} is not within ${root}, whose authority this is`);
  if (hosts.length > 50) throw new MitosisError('invalid_input', 'more than 50 names of one host');
  if (!(ttlMs > 0)) throw new MitosisError('invalid_input', 'a certificate has to live longer than no time');
};

/** Nothing of ours reads it; to an etcd with users it is the user. */
const commonName = ({ level, role }: PeerName): string =>
  role === ETCD_ROOT_ROLE ? ETCD_ROOT_USER : etcdUser(level);

type KeyPair = Awaited<ReturnType<typeof newKeys>>;
const newKeys = () => subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

/** HKDF over P-256; an output outside of the curve's order is one in four thousand million, and then the next is taken. */
const derivedKeys = async (secret: Buffer, purpose: string): Promise<KeyPair> => {
  for (let attempt = 0; ; attempt += 1) {
    const scalar = Buffer.from(hkdfSync('sha256', secret, '', `${purpose} ${attempt}`, 32));
    const curve = createECDH('prime256v1');
    try {
      curve.setPrivateKey(scalar);
    } catch {
      continue;
    }
    const point = curve.getPublicKey();
    const [x, y, d] = [point.subarray(1, 33), point.subarray(33, 65), scalar].map((part) =>
      part.toString('base64url'),
    );
    const key = { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' };
    return {
      publicKey: await subtle.importKey('jwk', key, ALGORITHM, true, ['verify']),
      privateKey: await subtle.importKey('jwk', { ...key, d: d ?? '' }, ALGORITHM, true, ['sign']),
    };
  }
};

const makeSigner = async (
  name: string,
  keys: KeyPair,
  issuer: Signer | undefined,
  nowMs: number,
): Promise<Signer> => {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + AUTHORITY_MS),
    publicKey: keys.publicKey,
    signingKey: issuer?.key ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, issuer === undefined ? 1 : 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, key: keys.privateKey };
};

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

const readSigner = (directory: string, name: string): Promise<Signer> | undefined => {
  const [certificate, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  // The certificate is written last: with it the pair is whole.
  if (!existsSync(certificate) || !existsSync(key)) return undefined;
  return importKey(readFileSync(key, 'utf8')).then((imported) => ({
    certificate: new x509.X509Certificate(readFileSync(certificate, 'utf8')),
    key: imported,
  }));
};

const saveSigner = async (directory: string, name: string, signer: Signer): Promise<Signer> => {
  writeSecret(join(directory, `${name}.key`), await exportKey(signer.key));
  writeSecret(join(directory, `${name}.pem`), pem(signer.certificate));
  return signer;
};

const exportKey = async (key: webcrypto.CryptoKey): Promise<string> =>
  `${x509.PemConverter.encode(await subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

const importKey = (text: string): Promise<webcrypto.CryptoKey> =>
  subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(text), ALGORITHM, true, ['sign']);

const leafKeys = async (
  known: string | undefined,
): Promise<{ publicKey: webcrypto.CryptoKey; pem: string }> => {
  if (known === undefined) {
    const { publicKey, privateKey } = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    return { publicKey, pem: await exportKey(privateKey) };
  }
  const { d: _d, key_ops: _ops, ...jwk } = await subtle.exportKey('jwk', await importKey(known));
  return { publicKey: await subtle.importKey('jwk', jwk, ALGORITHM, true, ['verify']), pem: known };
};
