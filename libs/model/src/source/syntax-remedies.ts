/** What to do about each syntax error of the YAML library. */
import type { ErrorCode } from 'yaml';

const REMEDIES: Readonly<Partial<Record<ErrorCode, string>>> = {
  ALIAS_PROPS: 'an alias takes no anchor and no tag: remove it',
  BAD_ALIAS: 'name the anchor after the * without spaces',
  BAD_DQ_ESCAPE: 'write \\\\ for a backslash in double quotes, or use single quotes',
  BAD_INDENT: 'indent this line like its siblings, with spaces',
  BAD_SCALAR_START: 'put the value in quotes: it begins with a character YAML keeps for itself',
  BLOCK_AS_IMPLICIT_KEY: 'begin the nested list or map on a line of its own, indented',
  BLOCK_IN_FLOW: 'within [ ] and { } write lists and maps in brackets, too',
  DUPLICATE_KEY: 'keep one of the two and remove the other',
  KEY_OVER_1024_CHARS: 'a key is at most 1024 characters long',
  MISSING_CHAR: 'add the missing character: a colon after a key, a closing quote or a closing bracket',
  MULTILINE_IMPLICIT_KEY: 'write a key on one line, followed by a colon',
  MULTIPLE_ANCHORS: 'keep one anchor',
  MULTIPLE_TAGS: 'keep one tag',
  TAB_AS_INDENT: 'indent with spaces: YAML does not take tabs',
  TAG_RESOLVE_FAILED: 'remove the tag or give it the kind of value it asks for',
  UNEXPECTED_TOKEN: 'remove what YAML did not expect here, or put the value in quotes',
};

export const syntaxRemedy = (code: ErrorCode): string =>
  REMEDIES[code] ?? 'mend the YAML at this place (spaces for indentation, a colon after each key)';
