import { UserError } from '../../base/errors.ts';
import type { TextFile } from './tar.ts';

/** A repository, as a build uses it. */
export interface Repository {
  readonly uri: string;
  readonly username?: string;
  readonly password?: string;
}

/** Of git's credential store (gitcredentials(7)): one URL with name and password. */
export function credentialStore({ uri, username, password = '' }: Repository): string {
  if (username === undefined) return '';
  const url = new URL(uri);
  const name = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
  return `${url.protocol}//${name}@${url.host}\n`;
}

/** What our own git is told: no hooks, no questions, nothing but what was asked for; `store` is the path of the credentials. */
export function gitConfig(store: string): string {
  return `[credential]
  helper = store --file=${store}
[core]
  hooksPath = /dev/null
  fsmonitor = false
[http]
  followRedirects = initial
  lowSpeedLimit = 1000
  lowSpeedTime = 60
[advice]
  detachedHead = false
[init]
  defaultBranch = none
[safe]
  directory = *
[submodule]
  recurse = false
[gc]
  auto = 0
`;
}

export const gitEnvironment = `
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/shm/git/config GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false
export GIT_ALLOW_PROTOCOL=http:https:git HOME=/root LC_ALL=C.UTF-8
`;

/** Asks what the reference means now. The answer holds `refs`, or `failed` with what git said. */
export const askStep = `${gitEnvironment}
mkdir -m 700 /dev/shm/git
cp secrets/* /dev/shm/git/
ref=$(cat ref)
set -- HEAD
[ -z "$ref" ] || set -- "refs/heads/$ref" "refs/tags/$ref" "refs/tags/$ref^{}"
git ls-remote -- "$(cat uri)" "$@" >refs 2>failed </dev/null || { head -c 4000 failed >/shop/out/failed; exit 0; }
head -c 1000000 refs >/shop/out/refs
`;

export function askInput(repository: Repository, ref: string | undefined): readonly TextFile[] {
  return [
    { name: 'uri', text: repository.uri },
    { name: 'ref', text: ref ?? '' },
    { name: 'secrets/config', text: gitConfig('/dev/shm/git/credentials') },
    { name: 'secrets/credentials', text: credentialStore(repository) },
    { name: 'step.sh', text: askStep },
  ];
}

/**
 * Fetches one commit without its history, or everything from a server that gives no single commits. What the repository holds is only laid
 * out; nothing of it is run, and no submodule is followed. The credentials are gone when the step ends.
 */
export function fetchInput({ uri }: Repository, commit: string, dockerfile: string): readonly TextFile[] {
  return [
    { name: 'uri', text: uri },
    { name: 'commit', text: commit },
    { name: 'dockerfile', text: dockerfile },
    {
      name: 'step.sh',
      text: `${gitEnvironment}
uri=$(cat uri)
commit=$(cat commit)
git init -q /shop/context
cd /shop/context
git fetch -q --no-tags --depth 1 -- "$uri" "$commit" || git fetch -q -- "$uri" '+refs/heads/*:refs/all/heads/*' '+refs/tags/*:refs/all/tags/*'
git -c core.symlinks=true checkout -q -f --detach "$commit" --
rm -rf .git /dev/shm/git
file=$(cat ../in/dockerfile)
if [ -f "$file" ]; then head -c 1000000 -- "./$file" >/shop/out/Dockerfile; fi
`,
    },
  ];
}

/**
 * The commit that a reference means, from the lines of `git ls-remote`; branches before tags, as `git clone --branch` has it. A whole commit
 * id means itself. @throws UserError when there is no such reference
 */
export function commitOf(refs: string, { uri }: Repository, ref: string | undefined): string {
  const found = new Map(
    refs.split('\n').flatMap((line) => {
      const [commit = '', name] = line.split('\t');
      return name !== undefined && isCommit(commit) ? [[name, commit] as const] : [];
    }),
  );
  const names = ref === undefined ? ['HEAD'] : [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`];
  const commit = names.map((name) => found.get(name)).find((each) => each !== undefined);
  if (commit !== undefined) return commit;
  if (ref !== undefined && isCommit(ref)) return ref;
  throw new UserError(
    `the repository ${uri} has ${ref === undefined ? 'no commits' : `no branch, tag or commit "${ref}"`}`,
    {
      reason: 'build',
      ...(ref !== undefined && { hint: 'A commit is named by all of its digits.' }),
    },
  );
}

export function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}
