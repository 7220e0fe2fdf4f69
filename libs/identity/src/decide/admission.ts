/**
 * Who may call whom. A process serves its own level; the level above may make the calls of the hierarchy and no others;
 * agents and people with a certificate of an upper level may call everything below it.
 */
import { ETCD_ROOT_ROLE } from './etcd-user.js';
import { peerUri, type PeerName } from './peer-name.js';

export type Admission =
  | { readonly kind: 'full' }
  /** Only what `HIERARCHY_CALLS` names. */
  | { readonly kind: 'hierarchy' }
  | { readonly kind: 'refused'; readonly reason: string };

/** What a function's leader asks of its counterpart in a child level (docs/internals.md, "Child levels"). */
export const HIERARCHY_CALLS: ReadonlySet<string> = new Set([
  '/mitosis.v1.Management/Directory',
  '/mitosis.v1.Monitor/Summary',
  '/mitosis.v1.Health/Composite',
  '/mitosis.v1.Router/EntryEndpoints',
  '/mitosis.v1.Autoscaler/SetObjective',
  '/mitosis.v1.Placer/SetBudget',
  '/mitosis.v1.Placer/Use',
  '/mitosis.v1.Composer/Offer',
  '/mitosis.v1.Composer/Apply',
  '/mitosis.v1.Composer/Dispose',
]);

/** True for the level itself and for everything below it. */
export const covers = (level: string, other: string): boolean =>
  other === level || other.startsWith(`${level}.`);

const parentOf = (level: string): string | undefined => {
  const dot = level.lastIndexOf('.');
  return dot < 0 ? undefined : level.slice(0, dot);
};

const FULL: Admission = { kind: 'full' };
const reachesDown = ({ role }: PeerName): boolean => role === 'agent' || role === 'operator';

/** What a client may do at a server. The level a call to an agent is about is checked with the call (`mayTouch`). */
export const admitClient = (server: PeerName, client: PeerName): Admission => {
  if (client.role === 'etcd') return refused(client, 'etcd members call only each other');
  if (client.role === ETCD_ROOT_ROLE) return refused(client, 'it is for etcd alone');
  if (client.level === server.level) return FULL;
  if (reachesDown(client) && covers(client.level, server.level)) return FULL;
  if (server.role === 'agent')
    return covers(server.level, client.level) ? FULL : refused(client, `this agent serves ${server.level}`);
  if (parentOf(server.level) === client.level) return { kind: 'hierarchy' };
  return refused(client, `this is level ${server.level}`);
};

const refused = (client: PeerName, why: string): Admission => ({
  kind: 'refused',
  reason: `its certificate names ${peerUri(client)}; ${why}`,
});

/** Why a server is not who this client may talk to; undefined: it is. */
export const distrustOf = (client: PeerName, server: PeerName): string | undefined => {
  const ofTheLevel = server.level === client.level;
  const agentAbove = server.role === 'agent' && covers(server.level, client.level);
  const child = parentOf(server.level) === client.level;
  const below = reachesDown(client) && covers(client.level, server.level);
  return ofTheLevel || agentAbove || child || below
    ? undefined
    : `the server's certificate names ${peerUri(server)}, this client is ${peerUri(client)}`;
};

/** Whether a client may act on a level at an agent that serves several. */
export const mayTouch = (client: PeerName, level: string): boolean => covers(client.level, level);
