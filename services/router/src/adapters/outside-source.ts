/** Routing inputs from a file about the system beside this router, in the place of the level's records. */
import type { ListenersRecord, SiteId } from '@mitosis/contracts';
import type { OutsideLevel } from '@mitosis/outside';
import type { FunctionContext } from '@mitosis/service-kit';
import { observedOutside } from '../decide/outside.js';
import { mergeInputs, NO_INPUTS } from '../decide/table.js';
import type { InputSource, TableNews } from './table-source.js';

/** Throws MitosisError `invalid_input` when the file is wrong; the first news comes before it resolves. */
export const openOutside = async (
  file: string,
  context: Pick<FunctionContext, 'level' | 'log' | 'clock' | 'nowMs' | 'site'>,
  onNews: (news: TableNews) => void,
): Promise<InputSource> => {
  // Loaded where it is needed: beside a level's other services nobody does.
  const { OutsideLevel: Watched } = await import('@mitosis/outside');
  const { level, log, clock, site } = context;
  const watched = new Watched({
    file,
    level,
    env: process.env,
    clock,
    nowMs: () => context.nowMs(),
    onMistake: (reason) => log.warn({ reason }, 'the file about the outside is wrong: the one before stays'),
  });
  return new OutsideSource(watched, site, onNews);
};

class OutsideSource implements InputSource {
  constructor(
    private readonly level: OutsideLevel,
    private readonly site: SiteId,
    private readonly onNews: (news: TableNews) => void,
  ) {
    level.onChange(() => this.tell());
    this.tell();
  }

  allListeners(): readonly ListenersRecord[] {
    const { listeners } = this.observed();
    return listeners === undefined ? [] : [listeners];
  }

  close(): void {
    this.level.close();
  }

  private observed(): ReturnType<typeof observedOutside> {
    const { now, spec } = this.level;
    return observedOutside({ spec, endpoints: now.endpoints, split: now.split }, this.site);
  }

  private tell(): void {
    // The file is complete, so nothing of before is kept; no record of the store is behind it to be acknowledged.
    this.onNews({ inputs: mergeInputs(NO_INPUTS, this.observed()), revision: 0 });
  }
}
