/**
 * The same work as the library's leader process, over etcd3's own Election: what is compared with. Writes as soon as it is
 * elected; its write is fenced the way the library allows (its campaign key still exists).
 */
import { Etcd3 } from 'etcd3';

const args = JSON.parse(process.argv[2] ?? '{}') as {
  readonly endpoints: readonly string[];
  readonly replica: string;
  readonly leaseTtlMs: number;
  readonly level?: string;
};
const tell = (event: string): void => {
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  process.stdout.write(`${JSON.stringify({ event, atMs })}\n`);
};

const client = new Etcd3({ hosts: [...args.endpoints] });
const campaign = client.election(args.level ?? 'bench', args.leaseTtlMs / 1_000).campaign(args.replica);
campaign.on('elected', () => {
  tell('leading');
  void campaign
    .getCampaignKey()
    .then((key) =>
      client
        .if(key, 'Create', '!=', 0)
        .then(client.put(`log/${args.level ?? 'bench'}`).value(args.replica))
        .commit(),
    )
    .then(() => tell('first-write'));
});
campaign.on('error', () => tell('ended'));
void campaign.getCampaignKey().then(() => tell('standing'));
process.once('SIGTERM', () => {
  void campaign.resign().then(() => process.exit(0));
});
