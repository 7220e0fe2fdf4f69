/**
 * Publishes what this router has taken in and where it is still busy. Coalesced, one write at a time, tried again until
 * it is there; health waits for it before it stops an instance, so it must never run ahead of the table in force.
 */
import { KEYS, type AckRecord, type InstanceId } from '@mitosis/contracts';
import type { Clock, Membership } from '@mitosis/coordination';
import type { Logger } from '@mitosis/service-kit';
import { decideAck } from '../decide/drain.js';

/** Drains end in bursts: one write for all that end within this time. */
const COALESCE_MS = 20;
const RETRY_MS = 200;

export class AckPublisher {
  private published: AckRecord | undefined;
  private revision: number | undefined;
  private cancelTimer: (() => void) | undefined;
  private writing = false;
  private closed = false;

  constructor(
    private readonly membership: Membership,
    private readonly busy: () => readonly InstanceId[],
    private readonly log: Logger,
    private readonly clock: Clock,
  ) {}

  /** The table in force includes the endpoints up to this revision. */
  tableAt(revision: number): void {
    this.revision = revision;
    this.changed();
  }

  /** The busy set may have changed. */
  changed(): void {
    this.schedule(COALESCE_MS);
  }

  get last(): AckRecord | undefined {
    return this.published;
  }

  close(): void {
    this.closed = true;
    this.cancelTimer?.();
  }

  private schedule(ms: number): void {
    if (this.closed || this.cancelTimer !== undefined || this.writing || this.revision === undefined) return;
    this.cancelTimer = this.clock.setTimer(ms, () => {
      this.cancelTimer = undefined;
      void this.publish();
    });
  }

  private async publish(): Promise<void> {
    if (this.revision === undefined) return;
    const ack = decideAck(this.published, this.membership.replica, this.revision, this.busy());
    if (!ack) return;
    this.writing = true;
    let nextMs = COALESCE_MS;
    try {
      await this.membership.publish(KEYS.ack(ack.replica), JSON.stringify(ack));
      this.published = ack;
    } catch (err) {
      nextMs = RETRY_MS;
      this.log.debug({ err }, 'the acknowledgement could not be written yet');
    }
    this.writing = false;
    // Whatever changed meanwhile.
    this.schedule(nextMs);
  }
}
