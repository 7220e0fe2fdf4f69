/** A command written as one text, split as a shell would split it; no shell runs it, nothing is expanded. */
import { split } from 'shlex';

/** The words, or undefined when a quote is not closed. */
export const shellWords = (text: string): readonly string[] | undefined => {
  try {
    return split(text);
  } catch {
    return undefined;
  }
};
