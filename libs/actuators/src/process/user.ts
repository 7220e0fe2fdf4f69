/** Runs a command as another user; only root may. */
import { existsSync, readFileSync } from 'node:fs';
import { MitosisError } from '@mitosis/contracts';

const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

/** Words to put before a command; none when the user is the agent's own. Throws MitosisError `invalid_input`. */
export const userPrefix = (user: string): readonly string[] => {
  if (user === '') return [];
  const [name = '', group = ''] = user.split(':');
  const uid = idOf('/etc/passwd', name);
  if (uid === undefined) throw new MitosisError('invalid_input', `there is no user ${name} on this host`);
  if (uid === process.getuid?.() && group === '') return [];
  if (process.getuid?.() !== 0)
    throw new MitosisError('invalid_input', `only an agent run by root can run something as ${name}`);
  const gid = group === '' ? primaryGroupOf(uid) : idOf('/etc/group', group);
  if (gid === undefined) throw new MitosisError('invalid_input', `there is no group ${group} on this host`);
  const setpriv = SETPRIV.find((path) => existsSync(path));
  if (setpriv === undefined)
    throw new MitosisError('invalid_input', `setpriv (util-linux) is needed to run something as ${name}`);
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
};

const entries = (path: string): readonly (readonly string[])[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
    : [];

const idOf = (path: string, name: string): number | undefined => {
  if (/^\d+$/.test(name)) return Number(name);
  const found = entries(path).find(([entry]) => entry === name)?.[2];
  return found === undefined ? undefined : Number(found);
};

const primaryGroupOf = (uid: number): number =>
  Number(entries('/etc/passwd').find((fields) => fields[2] === String(uid))?.[3] ?? uid);
