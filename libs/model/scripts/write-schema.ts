/** Writes the published JSON Schema; run it (`pnpm --filter @mitosis/model generate:schema`) after a change of the shapes. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { publishedSchema } from '@mitosis/model';

const file = resolve(import.meta.dirname, '../../../docs/schema/mitosis-compose.schema.json');
writeFileSync(file, `${JSON.stringify(publishedSchema(), null, 2)}\n`);
