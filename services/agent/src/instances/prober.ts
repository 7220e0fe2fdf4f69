/** Probes one run of an instance until it is told to stop; one probe at a time. Reports each change of the verdict. */
import type { ExecAnswer } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';
import { execProbe, httpProbe, tcpProbe, type ProbeResult } from '../adapters/probes.js';
import {
  INITIAL_PROBE_STATE,
  nextProbeMs,
  takeProbeResult,
  type Health,
  type ProbeState,
} from '../decide/verdict.js';

const TIMEOUT_MS = 30_000;

export interface ProberOptions {
  readonly probe: agent.ProbeSpec;
  /** Where the port of the probe is reached from here, now. */
  readonly reach: () => { readonly host: string; readonly port: number };
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Directory of the certificate it is asked with; undefined: it speaks plain HTTP. */
  readonly tlsDir: string | undefined;
  readonly home: string;
  /** Where the run lives elsewhere than on the host. */
  readonly exec?: (command: readonly string[], timeoutMs: number) => Promise<ExecAnswer>;
  readonly startedAtMs: number;
  /** What a predecessor of this agent last knew of the same run. */
  readonly before: Health;
  readonly nowMs: () => number;
  readonly onVerdict: (health: Health, detail: string) => void;
}

export class Prober {
  private state: ProbeState;
  private detail = '';
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ProberOptions) {
    this.state = {
      ...INITIAL_PROBE_STATE,
      health: options.before,
      succeededOnce: options.before === 'healthy',
    };
    void this.probe();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async probe(): Promise<void> {
    const result = await this.run();
    if (this.stopped) return;
    const { probe, startedAtMs, nowMs, onVerdict } = this.options;
    if (result === 'unknown') {
      // Whoever runs it could not be asked: that says nothing of the instance.
      this.again(probe);
      return;
    }
    const before = this.state;
    this.state = takeProbeResult(before, probe, { ok: result.ok, sinceStartMs: nowMs() - startedAtMs });
    const told = this.state.health !== before.health || (result.detail !== this.detail && !result.ok);
    this.detail = result.detail;
    if (told) onVerdict(this.state.health, result.detail);
    this.again(probe);
  }

  private again(probe: agent.ProbeSpec): void {
    this.timer = setTimeout(() => void this.probe(), nextProbeMs(this.state, probe)).unref();
  }

  private async run(): Promise<ProbeResult | 'unknown'> {
    const { probe, reach, cwd, env, home, tlsDir, exec } = this.options;
    const { host, port } = reach();
    const timeoutMs = probe.timeoutMs > 0 ? probe.timeoutMs : TIMEOUT_MS;
    switch (probe.kind) {
      case 'exec':
        return exec === undefined
          ? execProbe({ command: probe.command, cwd, env, home, timeoutMs })
          : resultOf(await exec(probe.command, timeoutMs));
      case 'tcp':
        return tcpProbe(host, port, timeoutMs);
      case 'http':
        return httpProbe({ host, port, path: probe.path, tlsDir }, timeoutMs);
      default:
        return { ok: false, detail: `unknown kind of probe: ${probe.kind}` };
    }
  }
}

const resultOf = ({ verdict, detail }: ExecAnswer): ProbeResult | 'unknown' =>
  verdict === 'unknown' ? 'unknown' : { ok: verdict === 'ok', detail };
