/** The simulated payment provider outside of the composition: started, made slow and quick again, ended by the tour. */
import { spawn, type ChildProcess } from 'node:child_process';
import { MitosisError } from '@mitosis/contracts';
import { boundOf, retry } from '../session/wait.js';

const START_MS = 5_000;
const CALL_MS = 2_000;
const END_MS = 3_000;

export class ThirdParty {
  readonly url: string;

  private constructor(
    private readonly child: ChildProcess,
    port: number,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Resolves when it answers. */
  static async start(program: string, port: number): Promise<ThirdParty> {
    const child = spawn(process.execPath, [program, String(port)], { stdio: 'ignore' });
    const party = new ThirdParty(child, port);
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    await retry(
      async () => {
        if (failure !== undefined || child.exitCode !== null)
          throw new MitosisError('internal', `the simulated third party ended at once (port ${port})`);
        await party.control('GET', '');
      },
      boundOf(START_MS),
      (error) => !(error instanceof MitosisError),
      50,
    );
    return party;
  }

  /** Answers after so many milliseconds from now on. */
  setLatency(ms: number): Promise<void> {
    return this.control('PUT', `?latencyMs=${ms}`);
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(late);
  }

  /** Goes on without the tour. */
  leave(): void {
    this.child.unref();
  }

  private async control(method: string, query: string): Promise<void> {
    const answer = await fetch(`${this.url}/control${query}`, {
      method,
      signal: AbortSignal.timeout(CALL_MS),
    });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`the simulated third party answered ${answer.status}`);
  }
}
