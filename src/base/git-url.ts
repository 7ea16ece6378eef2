/**
 * What is wrong with the URL of a git repository. Whatever a command does with it, it is one word and no option, and it holds no password;
 * with a user name it has a scheme.
 */
export function problemOfRepository(uri: string, { withUsername = false } = {}): string | undefined {
  if (/[\s\0-\x1f\x7f]/.test(uri) || uri.startsWith('-') || uri === '') return 'is not the URL of a repository';
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(uri) && URL.canParse(uri);
  if (withUsername && !hasScheme) return 'is not a URL with a scheme, which a repository with a user name needs';
  if (hasScheme && new URL(uri).password !== '')
    return 'holds a password, which everybody would see; use "username" and "#password"';
  return undefined;
}

/** Whether our own git asks it: nothing of this machine (`file`), no programs (`ext`), no keys of ours (`ssh`). */
export function isFetchable(uri: string): boolean {
  return URL.canParse(uri) && ['http:', 'https:', 'git:'].includes(new URL(uri).protocol);
}

/** A branch, a tag or a commit, in letters that git takes for nothing else (git-check-ref-format(1), less the rare ones). */
export function isReference(text: string): boolean {
  return text.length <= 200 && /^\w[\w./+@-]*$/.test(text) && !/\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[/.]$/.test(text);
}
