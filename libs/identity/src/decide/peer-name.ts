/**
 * Who a certificate says its holder is: `mitosis://<level>/<role>/<id>`, the one URI among its subject alternative names.
 * Anything else in a certificate (its common name, its addresses) says nothing about who may do what.
 */

export interface PeerName {
  /** For an agent and an operator the root of all levels they may touch. */
  readonly level: string;
  /**
   * `manager`, `etcd`, or the function of a service that is a process of its own; `agent`: a host's agent; `operator`: a
   * person's command line.
   */
  readonly role: string;
  readonly id: string;
}

const PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/u;
const URI = /^mitosis:\/\/([^/]+)\/([^/]+)\/([^/]+)$/u;

export const isNamePart = (text: string): boolean => PART.test(text) && !text.includes('..');

export const peerUri = ({ level, role, id }: PeerName): string => `mitosis://${level}/${role}/${id}`;

export const parsePeerUri = (uri: string): PeerName | undefined => {
  const [, level = '', role = '', id = ''] = URI.exec(uri) ?? [];
  return [level, role, id].every(isNamePart) ? { level, role, id } : undefined;
};

/**
 * From subject alternative names as Node prints them (`URI:mitosis://shop/manager/m-1, IP Address:127.0.0.1`); undefined
 * unless exactly one of them is a name of ours.
 */
export const peerNameOf = (subjectAltName: string | undefined): PeerName | undefined => {
  const uris = (subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('URI:mitosis:'))
    .map((entry) => entry.slice('URI:'.length));
  const [only] = uris;
  return uris.length === 1 && only !== undefined ? parsePeerUri(only) : undefined;
};
