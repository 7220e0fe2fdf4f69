/** Every file that is made from the one list of services: path in the repository → text. Pure. */
import { composeFile, prometheusFile } from './compose-file.js';
import { kubernetesManifests, kubernetesText } from './kubernetes-files.js';
import { servicePages } from './service-pages.js';

export const generatedFiles = async (): Promise<Readonly<Record<string, string>>> => ({
  'deploy/compose/docker-compose.yml': composeFile(),
  'deploy/prometheus/prometheus.yml': prometheusFile(),
  ...under('deploy/kubernetes', mapped(kubernetesManifests(), kubernetesText)),
  ...under('docs/services', await servicePages()),
});

const mapped = <T>(
  record: Readonly<Record<string, T>>,
  write: (value: T) => string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, write(value)]));

const under = (folder: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
