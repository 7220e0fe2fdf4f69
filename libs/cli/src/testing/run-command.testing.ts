/** Runs one command line of `mitosis` in this process, and says what it printed and how it ended. */
import { vi } from 'vitest';
import { main } from '../program.js';

export interface Said {
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
  readonly code: number | string | undefined;
}

const captured = (stream: NodeJS.WriteStream): { text: string; restore(): void } => {
  const write = vi.spyOn(stream, 'write').mockImplementation((text) => {
    capture.text += String(text);
    return true;
  });
  const capture = { text: '', restore: () => write.mockRestore() };
  return capture;
};

export const mitosis = async (...args: readonly string[]): Promise<Said> => {
  process.exitCode = undefined;
  const out = captured(process.stdout);
  const err = captured(process.stderr);
  try {
    await main(['node', 'mitosis', ...args]);
  } finally {
    out.restore();
    err.restore();
  }
  const code = process.exitCode ?? undefined;
  // Otherwise the test runner would end with it.
  process.exitCode = undefined;
  return { out: out.text, err: err.text, code };
};
