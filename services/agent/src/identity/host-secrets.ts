/**
 * Opens the secrets of instances that are about to run on this host, and gives them as files that only this host's user
 * can reach: written before each run, removed with the instance. Must never put one into a record, a log or a message.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError, type agent } from '@mitosis/contracts';
import { readSealKey, Sealer, writeSecret } from '@mitosis/identity';
import { secretFiles, type Open } from '../decide/secrets.js';
import { authorityDirectory, rootOf } from './host-identity.js';

export const secretsDirectory = (dir: string): string => join(dir, 'secrets');

export class HostSecrets {
  private readonly sealers = new Map<string, Sealer>();

  constructor(private readonly home: string) {}

  /** Opens what was sealed for this level; throws MitosisError `invalid_input` where this host cannot. */
  opener(level: string): Open {
    return (name, sealed) => this.sealer(level).open(name, sealed);
  }

  writeFiles(level: string, spec: agent.InstanceSpec, dir: string): void {
    const files = secretFiles(spec, this.opener(level));
    if (files.length === 0) return;
    const directory = secretsDirectory(dir);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const { file, content } of files) {
      writeSecret(join(directory, file), content);
      // A container's own user reads it through its mount; on the host the directory keeps everybody out.
      chmodSync(join(directory, file), 0o444);
    }
  }

  private sealer(level: string): Sealer {
    const known = this.sealers.get(level);
    if (known !== undefined) return known;
    const key = readSealKey(authorityDirectory(this.home, rootOf(level)));
    if (key === undefined)
      throw new MitosisError(
        'invalid_input',
        `this host has no key for the secrets of ${level}: let it join (mitosis join) the hosts of ${rootOf(level)}`,
      );
    const sealer = new Sealer(key, level);
    this.sealers.set(level, sealer);
    return sealer;
  }
}
