/** The certificate a process was given, checked against what it was told to be; mistakes are told before it serves. */
import { MitosisError } from '@mitosis/contracts';
import { assertGuarded, peerUri, TlsIdentity } from '@mitosis/identity';
import type { ServiceConfig } from '../config.js';

/** Null: without TLS. Throws MitosisError `invalid_input` with the remedy. */
export const identityOf = (
  { tlsDir, level, host, etcd }: ServiceConfig,
  onTrouble: (error: MitosisError) => void,
): TlsIdentity | null => {
  assertGuarded(host, tlsDir !== '');
  if (tlsDir === '') {
    if (etcd.some((url) => url.startsWith('https:')))
      throw new MitosisError(
        'invalid_input',
        `MITOSIS_ETCD=${etcd.join(',')} asks for a certificate: set MITOSIS_TLS_DIR to a directory with one`,
      );
    return null;
  }
  const identity = new TlsIdentity(tlsDir, { onTrouble });
  if (identity.name.level !== level)
    throw new MitosisError(
      'invalid_input',
      `${tlsDir} holds a certificate of ${peerUri(identity.name)}, MITOSIS_LEVEL=${level}: issue one for this level`,
    );
  return identity;
};
