/** Why a handshake came to nothing, in words for whoever reads the log. Pure: codes in, a sentence out. */

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  UNABLE_TO_GET_ISSUER_CERT: 'it showed no certificate, or one of an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  CERT_SIGNATURE_FAILURE: 'its certificate carries a wrong signature',
  INVALID_PURPOSE: 'its certificate is not for clients',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it showed no certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it does not speak TLS',
  ERR_SSL_UNEXPECTED_MESSAGE: 'it does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks only TLS before 1.3',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust this process’s certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept this process’s certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it finds this process’s certificate expired: compare the clocks',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it did not finish its handshake in time',
  ECONNRESET: 'it broke the handshake off',
};

/** `code` as Node's TLS gives it; unknown ones are told as they are. */
export const refusalReason = (code: string): string => REASONS[code] ?? `TLS failed (${code})`;
