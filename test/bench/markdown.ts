/** Tables as the pages of docs have them. */
export type Cells = readonly (number | string)[];

export const markdownRow = (cells: Cells): string => `| ${cells.join(' | ')} |`;

export const markdownHead = (head: readonly string[]): string =>
  `${markdownRow(head)}\n${markdownRow(head.map(() => '---'))}`;
