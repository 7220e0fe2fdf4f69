/** etcd's messages as ours. Revisions stay far below 2^53; lease ids do not, so they stay strings. */
import type { IKeyValue, IResponseHeader } from 'etcd3';
import type { KeyValue } from './store.js';
import type { WireHeader } from './wire.js';

export const headerOf = (header: IResponseHeader): WireHeader => ({
  clusterId: header.cluster_id,
  revision: Number(header.revision),
  raftTerm: Number(header.raft_term),
});

export const entryOf = (kv: IKeyValue): KeyValue => ({
  key: kv.key.toString(),
  value: kv.value.toString(),
  createRevision: Number(kv.create_revision),
  modRevision: Number(kv.mod_revision),
  lease: kv.lease,
});
