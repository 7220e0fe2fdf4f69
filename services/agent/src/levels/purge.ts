/**
 * Removes levels by force: management first, so that nobody acts any more, then the instances, the sockets, the records.
 * The intent is on disk first; whoever finds it later goes on.
 */
import type { HostServices } from './host-services.js';
import type { Level } from './level.js';

/** `down` has asked the application to end already; what still runs gets a moment. */
const APPLICATION_GRACE_MS = 3_000;

/** `forget` remembers the epoch of a level and takes it out of the host's table; it is on disk when it resolves. */
export const purgeLevels = async (
  levels: readonly Level[],
  host: HostServices,
  what: { readonly volumes: boolean },
  forget: (level: Level) => Promise<void>,
): Promise<readonly string[]> => {
  await Promise.all(levels.map((level) => level.saved.update({ purging: true })));
  const stopped: string[] = [];
  const end = async (management: boolean): Promise<void> => {
    await Promise.all(
      levels.flatMap((level) =>
        [...level.instances.values()]
          .filter((instance) => instance.isManagement === management)
          .map(async (instance) => {
            stopped.push(instance.id);
            await level.finishStop(instance, management ? 0 : APPLICATION_GRACE_MS);
          }),
      ),
    );
  };
  await Promise.all(levels.map((level) => level.settled()));
  await end(true);
  await end(false);
  for (const level of levels) {
    // After what is under way: a birth or a listener that was admitted before.
    await level.exclusively(async () => {
      await level.letGoOf('all');
      await host.drivers.forgetLevel(level.name, what);
      await forget(level);
      host.identity.forget(level.name);
      await level.forget();
    });
  }
  host.log.info({ levels: levels.map(({ name }) => name), stopped: stopped.length }, 'removed');
  return stopped;
};
