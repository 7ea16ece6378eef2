/** A line of /etc/passwd (passwd(5)). */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A line of /etc/group (group(5)). */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const maxId = 2 ** 31 - 1;

/** The entries in their order; lines that are not of the format, or whose ids are out of range, are passed over. */
export function* parsePasswd(text: string): Generator<PasswdEntry> {
  for (const line of linesOf(text)) {
    const [name = '', , uid, gid, , home = ''] = line.split(':');
    const ids = [parseId(uid), parseId(gid)] as const;
    if (name !== '' && ids[0] !== undefined && ids[1] !== undefined) yield { name, uid: ids[0], gid: ids[1], home };
  }
}

/** The entries in their order; lines that are not of the format, or whose id is out of range, are passed over. */
export function* parseGroup(text: string): Generator<GroupEntry> {
  for (const line of linesOf(text)) {
    const [name = '', , id, members = ''] = line.split(':');
    const gid = parseId(id);
    if (name !== '' && gid !== undefined)
      yield { name, gid, members: members.split(',').filter((member) => member !== '') };
  }
}

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? undefined : end).trim();
    if (line !== '' && !line.startsWith('#')) yield line;
    start = end < 0 ? text.length : end + 1;
  }
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}
