/**
 * Who a certificate is to an etcd that several levels share: its common name is the user. One user a level, whose role
 * reaches the level's keys and no others.
 */
import { createHash } from 'node:crypto';

/** X.509 bounds a common name to so many characters. */
const NAME_MAX = 64;
const HASH_LENGTH = 16;

/** The role of a certificate with which users are made, and its user: etcd knows it by this name. */
export const ETCD_ROOT_ROLE = 'etcd-root';
export const ETCD_ROOT_USER = 'root';

/** User and role of a level. Long names are cut and told apart by a hash. */
export const etcdUser = (level: string): string => {
  const name = `mitosis/${level}`;
  if (name.length <= NAME_MAX) return name;
  const hash = createHash('sha256').update(level).digest('hex').slice(0, HASH_LENGTH);
  return `${name.slice(0, NAME_MAX - HASH_LENGTH - 1)}~${hash}`;
};
