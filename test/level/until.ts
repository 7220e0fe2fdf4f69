/** Waits on a level, with a bound: polls until `check` returns something, and says what it last saw when it does not. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined> | T | undefined,
  boundMs: number,
  everyMs = 50,
): Promise<T> {
  const start = performance.now();
  let lastError: unknown;
  while (performance.now() - start < boundMs) {
    try {
      const found = await check();
      if (found !== undefined) return found;
    } catch (error) {
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  const seen = lastError instanceof Error ? `: ${lastError.message}` : '';
  throw new Error(`not within ${boundMs} ms: ${what}${seen}`, { cause: lastError });
}
