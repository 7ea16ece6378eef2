import { UserError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import type { Containerd } from '../containerd/client.ts';
import { splitUser } from './config.ts';
import { type GroupEntry, type PasswdEntry, parseGroup, parsePasswd } from './passwd.ts';
import { readFromLayers } from './rootfs.ts';
import type { ReadyImage } from './types.ts';
import { withLayers } from './view.ts';

/** Who the image's own process is. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first, then every group that lists the user. */
  readonly additionalGids: readonly number[];
  /** Home directory as the image's passwd file says. */
  readonly home?: string;
}

/** Text of the image's /etc/passwd and /etc/group; empty where there is none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

const maxFileBytes = 10 * 1024 * 1024;
/** NGROUPS_MAX of Linux. */
const maxGroups = 65_536;

/**
 * Finds out the uid, gid and groups of the image's own user. The image's account files are read out of its snapshots without mounting
 * them, so this works on the daemon's host only. Numbers win over names; a user without passwd entry has group 0.
 * @throws UserError when the image names a user or group that it does not have
 */
export async function resolveUser(client: Containerd, image: ReadyImage, emit: Emit = () => {}): Promise<ResolvedUser> {
  return userOf(image, await readAccounts(client, image, emit));
}

/** The pure part of {@link resolveUser}. */
export function userOf(image: Pick<ReadyImage, 'name' | 'config'>, accounts: Accounts): ResolvedUser {
  const wanted = splitUser(image.config.user);
  if (wanted === undefined) throw missing(image.name, `the user ${JSON.stringify(image.config.user)} is not valid`);
  const account = findAccount(accounts.passwd, wanted.user);
  const uid = typeof wanted.user === 'number' ? wanted.user : account?.uid;
  if (uid === undefined) throw missing(image.name, `its user ${wanted.user} is not in its /etc/passwd`);
  const name = account?.name;

  let gid =
    typeof wanted.group === 'number' ? wanted.group : wanted.group === undefined ? (account?.gid ?? 0) : undefined;
  const memberships: number[] = [];
  for (const group of parseGroup(accounts.group)) {
    if (gid === undefined && group.name === wanted.group) gid = group.gid;
    if (name !== undefined && isMember(group, name)) memberships.push(group.gid);
    if (memberships.length > maxGroups) throw missing(image.name, `its user is in more than ${maxGroups} groups`);
  }
  if (gid === undefined) throw missing(image.name, `its group ${wanted.group} is not in its /etc/group`);
  const home = account?.home;
  return {
    uid,
    gid,
    additionalGids: [...new Set([gid, ...memberships])],
    ...(home !== undefined && home !== '' && { home }),
  };
}

async function readAccounts(client: Containerd, image: ReadyImage, emit: Emit): Promise<Accounts> {
  return withLayers(client, { image, emit }, async (layers) => {
    const text = async (path: string): Promise<string> =>
      (await readFromLayers(layers, path, maxFileBytes))?.toString('latin1') ?? '';
    const [passwd, group] = await Promise.all([text('etc/passwd'), text('etc/group')]);
    return { passwd, group };
  });
}

function findAccount(passwd: string, user: string | number): PasswdEntry | undefined {
  for (const entry of parsePasswd(passwd)) {
    if (typeof user === 'number' ? entry.uid === user : entry.name === user) return entry;
  }
  return undefined;
}

function isMember({ members }: GroupEntry, name: string): boolean {
  return members.includes(name);
}

function missing(image: string, problem: string): UserError {
  return new UserError(`${image} cannot run as its own user: ${problem}`, { reason: 'image_invalid' });
}
