/** The rule that nothing listens beyond loopback without TLS, said as an error with its remedy. */
import { MitosisError } from '@mitosis/contracts';
import { isLoopback } from '../decide/loopback.js';

/** Throws MitosisError `invalid_input` for an address others can reach when there is no certificate. */
export const assertGuarded = (host: string, guarded: boolean): void => {
  if (guarded || isLoopback(host)) return;
  throw new MitosisError(
    'invalid_input',
    `${host} can be reached from other machines and there is no certificate: set MITOSIS_TLS_DIR to a directory with ` +
      'cert.pem, key.pem and ca.pem (`mitosis certificates` writes one), or bind 127.0.0.1',
  );
};
