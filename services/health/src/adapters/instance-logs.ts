/**
 * Merges what the agents kept of the output of several instances. Following, it takes new instances in as they come; one
 * stream per instance, bounded, all ended with the reader's.
 */
import type { agent, health, InstanceRecord } from '@mitosis/contracts';
import type { Peers } from '@mitosis/service-kit';
import { Observable } from 'rxjs';

const STREAMS_MAX = 200;
const FOLLOW_PERIOD_MS = 500;

export interface LogSource {
  readonly level: string;
  readonly peers: Peers;
  /** Instances that are asked for, as the graph is now. */
  readonly instances: () => readonly InstanceRecord[];
  readonly addressOf: (record: InstanceRecord) => string | undefined;
}

export interface LogQuery {
  readonly tailLines: number;
  readonly follow: boolean;
}

export const instanceLogs = (source: LogSource, query: LogQuery): Observable<health.HealthLogLine> =>
  new Observable((subscriber) => {
    const ending = new AbortController();
    const open = new Map<string, AbortController>();
    const finished = new Set<string>();
    const finishIfDone = (): void => {
      if (!query.follow && open.size === 0) subscriber.complete();
    };
    const add = (record: InstanceRecord): void => {
      const address = source.addressOf(record);
      const known = open.has(record.id) || finished.has(record.id);
      if (address === undefined || known || open.size >= STREAMS_MAX) return;
      const stream = new AbortController();
      open.set(record.id, stream);
      const request: agent.LogsRequest = {
        level: source.level,
        id: record.id,
        tailLines: query.tailLines,
        follow: query.follow,
      };
      source.peers.stream(
        'agent',
        address,
        'logs',
        request,
        {
          onMessage: ({ id, text }) => subscriber.next({ component: record.component, id, text }),
          // An ended stream must not be opened again: it would tell the same lines once more.
          onState: (state) => {
            if (state !== 'broken') return;
            open.delete(record.id);
            finished.add(record.id);
            stream.abort();
            finishIfDone();
          },
        },
        AbortSignal.any([stream.signal, ending.signal]),
      );
    };
    const look = (): void => {
      for (const record of source.instances()) add(record);
    };
    look();
    finishIfDone();
    const timer = query.follow ? setInterval(look, FOLLOW_PERIOD_MS) : undefined;
    return () => {
      clearInterval(timer);
      ending.abort();
    };
  });
