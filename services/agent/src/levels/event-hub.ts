/**
 * Tells readers of a level first what is, then what changes. A slow reader costs no more than one waiting event per
 * instance: an older one is overtaken by the newer.
 */
import type { agent } from '@mitosis/contracts';

export interface EventReader {
  /** False: the reader is behind; `drained` tells when it may be written to again. */
  write(event: agent.AgentEvent): boolean;
  /** Nothing will come any more: the level was removed. */
  end(): void;
}

class Reader {
  private readonly waiting = new Map<string, agent.AgentEvent>();
  private blocked = false;

  constructor(private readonly target: EventReader) {}

  push(key: string, event: agent.AgentEvent): void {
    this.waiting.delete(key);
    this.waiting.set(key, event);
    this.flush();
  }

  drained(): void {
    this.blocked = false;
    this.flush();
  }

  end(): void {
    this.target.end();
  }

  private flush(): void {
    for (const [key, event] of this.waiting) {
      if (this.blocked) return;
      this.waiting.delete(key);
      this.blocked = !this.target.write(event);
    }
  }
}

export interface Subscription {
  drained(): void;
  end(): void;
}

const statusEvent = (status: agent.InstanceStatus): agent.AgentEvent => ({
  event: { $case: 'status', value: status },
});

export class EventHub {
  private readonly readers = new Set<Reader>();

  subscribe(target: EventReader, present: readonly agent.InstanceStatus[]): Subscription {
    const reader = new Reader(target);
    for (const status of present) reader.push(status.id, statusEvent(status));
    reader.push('', { event: { $case: 'synced', value: true } });
    this.readers.add(reader);
    return { drained: () => reader.drained(), end: () => this.readers.delete(reader) };
  }

  changed(status: agent.InstanceStatus): void {
    for (const reader of this.readers) reader.push(status.id, statusEvent(status));
  }

  removed(id: string): void {
    for (const reader of this.readers) reader.push(id, { event: { $case: 'removed', value: id } });
  }

  close(): void {
    for (const reader of this.readers) reader.end();
    this.readers.clear();
  }
}
