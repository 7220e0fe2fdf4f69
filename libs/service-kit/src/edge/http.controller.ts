/** The HTTP edge of every service: for probes, for Prometheus, for people. */
import { Controller, Get, HttpCode, Inject, Res } from '@nestjs/common';
import { PROCESS_STATE, type ProcessState, type Verdict } from './process-state.js';

interface Reply {
  status(code: number): Reply;
  type(mime: string): Reply;
  send(body: string): unknown;
}

@Controller()
export class HttpController {
  constructor(@Inject(PROCESS_STATE) private readonly state: ProcessState) {}

  /** The process lives: its event loop turns and no pass hangs. Says nothing about etcd, so that its loss restarts nothing. */
  @Get('healthz')
  healthz(@Res() reply: Reply): void {
    answer(reply, this.state.alive());
  }

  @Get('readyz')
  readyz(@Res() reply: Reply): void {
    answer(reply, this.state.ready());
  }

  @Get('metrics')
  async metrics(@Res() reply: Reply): Promise<void> {
    const body = await this.state.registry.metrics();
    reply.type(this.state.registry.contentType).send(body);
  }

  @Get('status')
  @HttpCode(200)
  status(): Readonly<Record<string, unknown>> {
    return this.state.status();
  }
}

const answer = (reply: Reply, verdict: Verdict): void => {
  reply
    .status(verdict.ok ? 200 : 503)
    .type('text/plain')
    .send(`${verdict.reason}\n`);
};
