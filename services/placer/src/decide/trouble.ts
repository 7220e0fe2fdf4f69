/**
 * What is wrong with a site, and what follows. Two kinds of evidence, two answers. An agent that says that its engine does
 * not answer: nothing new goes there, what runs there is kept, what has certainly died is placed elsewhere. An agent that is
 * silent may be cut off while its instances serve: only after a bound, which is long against a restart, are they replaced
 * elsewhere; those it comes back with end by decisions that are committed before it is asked (health, tombstones), so none
 * runs twice for good. What may never run twice, and what has its data there, waits for the site.
 */
import type { Component, SiteRecord, SiteTrouble } from '@mitosis/contracts';
import type { HostCapacity } from './input.js';

/** A restart of an engine takes a few seconds, and is no reason to move anything. */
export const ENGINE_AWAY_MS = 5_000;
/** The field's bounds reach from 30 s (Nomad) to 5 min (Kubernetes). */
export const AGENT_SILENT_MS = 30_000;

export interface TroubleInput {
  readonly site: SiteRecord;
  readonly host: HostCapacity | undefined;
  readonly nowMs: number;
}

/** Undefined: nothing is wrong with it, as far as is known. */
export const troubleOf = ({ site, host, nowMs }: TroubleInput): SiteTrouble | undefined => {
  // Nobody has heard of it yet since this leader took over: what its predecessor found still holds.
  if (host === undefined) return site.trouble;
  if (host.silentSinceMs !== null) return silence(site, nowMs - host.silentSinceMs, nowMs);
  if (site.driver !== 'docker' || host.engine === undefined || host.engine.usable) return undefined;
  const { detail, forMs } = host.engine;
  if (site.trouble === undefined && forMs < ENGINE_AWAY_MS) return undefined;
  return since(site, { kind: 'closed', sinceMs: nowMs, reason: detail });
};

const silence = (site: SiteRecord, silentMs: number, nowMs: number): SiteTrouble | undefined => {
  if (site.trouble?.kind === 'lost') return site.trouble;
  if (silentMs < AGENT_SILENT_MS) return site.trouble;
  const reason = `its agent has been silent for more than ${AGENT_SILENT_MS / 1_000} s`;
  return { kind: 'lost', sinceMs: nowMs, reason };
};

/** The same trouble keeps its beginning and its words, so that nothing is written for it again. */
const since = (site: SiteRecord, trouble: SiteTrouble): SiteTrouble =>
  site.trouble?.kind === trouble.kind ? site.trouble : trouble;

/** Of named volumes that live on one host: a successor elsewhere would start without its data. */
export const hasLocalData = ({ run }: Component): boolean => {
  if (run === null || run.driver !== 'docker') return false;
  const { volumes, definitions } = run.container;
  if (!Array.isArray(volumes)) return false;
  return (volumes as readonly Readonly<Record<string, unknown>>[]).some(
    ({ type, source }) => type === 'volume' && typeof source === 'string' && isLocal(source, definitions),
  );
};

/** A volume of another driver may be reached from every host. */
const isLocal = (name: string, definitions: unknown): boolean => {
  const found = fieldsOf(fieldsOf(fieldsOf(definitions)['volumes'])[name]);
  const { driver } = found;
  return driver === undefined || driver === null || driver === 'local';
};

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
