import { InfrastructureError } from '../../base/errors.ts';
import { execute, succeed } from './commands.ts';
import type { Profile } from './profile.ts';
import { changesTo, parseSaved, wantedRules } from './rules.ts';

/** The default one of the distribution first; a kernel may have only the older interface. */
const variants = ['iptables', 'iptables-legacy'];
const waitSeconds = '20';

/** Makes the node's rules those for containers of these profiles; does nothing when they are. */
export async function applyRules(prefix: string, profiles: readonly Profile[]): Promise<void> {
  const { variant, changes } = await pendingChanges(prefix, profiles);
  if (changes === undefined) return;
  await succeed(`${variant}-restore`, ['--noflush', '--wait', waitSeconds], { input: changes });
}

/** Whether the node's rules are not those for containers of these profiles. */
export async function rulesDiffer(prefix: string, profiles: readonly Profile[]): Promise<boolean> {
  return (await pendingChanges(prefix, profiles)).changes !== undefined;
}

async function pendingChanges(prefix: string, profiles: readonly Profile[]) {
  const { variant, saved } = await save();
  return { variant, changes: changesTo(wantedRules(prefix, profiles), parseSaved(saved), prefix) };
}

async function save(): Promise<{ readonly variant: string; readonly saved: string }> {
  let said = '';
  for (const variant of variants) {
    const { code, stdout, stderr } = await execute(`${variant}-save`, []);
    if (code === 0) return { variant, saved: stdout };
    said = stderr.trim().slice(0, 500);
  }
  throw new InfrastructureError(`iptables does not work here: ${said}`, {
    hint: 'Networks need iptables, with its nft or its legacy interface, and root.',
  });
}
