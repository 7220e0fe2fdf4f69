/**
 * Secrets of compositions on their way to an instance: sealed at the command line with a key that only the agents of the
 * root level hold, and opened by the agent that starts the instance. Sealing is deterministic, so that the same secret
 * applied again changes nothing: whoever reads the store sees which values are equal, and how long they are, no more.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import { writeSecret } from './authority/secret-file.js';

const PREFIX = 'sealed:v1:';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** In the directory of the root level's authority. */
export const SEAL_KEY_FILE = 'seal.key';

export const isSealed = (text: string): boolean => text.startsWith(PREFIX);

export class Sealer {
  private readonly key: Buffer;
  private readonly nonceKey: Buffer;

  /** `rootKey`: 32 bytes, base64; every level's own key is derived from it. */
  constructor(
    rootKey: string,
    private readonly level: string,
  ) {
    const root = Buffer.from(rootKey, 'base64');
    if (root.length !== KEY_BYTES) throw new MitosisError('invalid_input', 'the sealing key is damaged');
    this.key = derive(root, `mitosis seal ${level}`);
    this.nonceKey = derive(root, `mitosis seal nonce ${level}`);
  }

  /** `name` is what the value is for (`env/PASSWORD`, `file/db`): it opens under the same one only. */
  seal(name: string, value: string): string {
    // From the content, as in AES-SIV: the same nonce never meets two different texts.
    const nonce = createHmac('sha256', this.nonceKey)
      .update(`${name.length} ${name}`)
      .update(value)
      .digest()
      .subarray(0, NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(this.bound(name));
    const sealed = Buffer.concat([nonce, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return PREFIX + sealed.toString('base64url');
  }

  /** Throws MitosisError `invalid_input` for what another key, level or name sealed. */
  open(name: string, text: string): string {
    const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
    try {
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const tag = bytes.subarray(bytes.length - TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', this.key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(this.bound(name))
        .setAuthTag(tag);
      const body = bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    } catch (error) {
      throw new MitosisError(
        'invalid_input',
        `the secret ${name} of ${this.level} cannot be opened here: apply the composition again from a host of this level`,
        { cause: error },
      );
    }
  }

  private bound(name: string): Buffer {
    return Buffer.from(`${this.level}\n${name}`);
  }
}

const derive = (root: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', root, '', purpose, KEY_BYTES));

/** The root key in an authority's directory; undefined: none was made yet. */
export const readSealKey = (directory: string): string | undefined => {
  const path = join(directory, SEAL_KEY_FILE);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
};

/** Makes it when there is none. The directory exists. */
export const ensureSealKey = (directory: string): string => {
  const known = readSealKey(directory);
  if (known !== undefined) return known;
  const made = randomBytes(KEY_BYTES).toString('base64');
  writeSecret(join(directory, SEAL_KEY_FILE), `${made}\n`);
  return made;
};
