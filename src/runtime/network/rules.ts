import { chainsOf, groupOf, matchesOf, namesOnePort, type Profile } from './profile.ts';

/** What one table of iptables should hold of ours. Rules are written exactly as iptables-save prints them. */
export interface WantedTable {
  readonly table: 'raw' | 'filter' | 'nat';
  /** Our chains, and what is in them. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** The built-in chains that jump into ours, before everything else. */
  readonly jumps: readonly { readonly from: string; readonly to: string }[];
}

const reject = '-j REJECT --reject-with icmp-admin-prohibited';
const privateRanges = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15'];

/** The rules for containers of these profiles; no chains at all without any. */
export function wantedRules(prefix: string, profiles: readonly Profile[]): readonly WantedTable[] {
  const sorted = [...profiles].sort((a, b) => groupOf(prefix, a) - groupOf(prefix, b));
  const groups = sorted.map((profile) => `0x${groupOf(prefix, profile).toString(16)}`);
  const each = (rule: (group: string, index: number) => string): string[] => groups.map(rule);
  const onward = sorted.map((profile): [string, string[]] => [chainsOf(prefix, profile).onward, onwardRules(profile)]);
  const node = sorted.map((profile): [string, string[]] => [chainsOf(prefix, profile).node, nodeRules(profile)]);
  const subnets = [...new Set(sorted.map(({ subnet }) => subnet))].sort();
  return [
    // A sender that would not be answered through the same cable is not who it says.
    table('raw', 'PREROUTING', `${prefix}PRE`, {
      main: each((group) => `-m devgroup --src-group ${group} -m rpfilter --invert -j DROP`),
    }),
    {
      table: 'filter',
      chains:
        sorted.length === 0
          ? new Map()
          : new Map([
              [
                `${prefix}FWD`,
                [
                  ...each(
                    (group) => `-m devgroup --dst-group ${group} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
                  ),
                  // Nobody calls a container: not from outside, and not another one.
                  ...each((group) => `-m devgroup --dst-group ${group} -j DROP`),
                  ...each((group, index) => `-m devgroup --src-group ${group} -j ${onward[index]?.[0]}`),
                ],
              ],
              [`${prefix}IN`, each((group, index) => `-m devgroup --src-group ${group} -j ${node[index]?.[0]}`)],
              ...onward,
              ...node,
            ]),
      jumps:
        sorted.length === 0
          ? []
          : [
              { from: 'FORWARD', to: `${prefix}FWD` },
              { from: 'INPUT', to: `${prefix}IN` },
            ],
    },
    table('nat', 'POSTROUTING', `${prefix}POST`, {
      main: subnets.map((subnet) => `-s ${subnet} ! -d ${subnet} -j MASQUERADE`),
    }),
  ];
}

function table(name: 'raw' | 'nat', from: string, to: string, { main }: { readonly main: string[] }): WantedTable {
  if (main.length === 0) return { table: name, chains: new Map(), jumps: [] };
  return { table: name, chains: new Map([[to, main]]), jumps: [{ from, to }] };
}

function onwardRules({ mode, openPrivate, allow }: Profile): string[] {
  return [
    `-d 169.254.0.0/16 ${reject}`,
    // An address of the node behind which another container runtime publishes a port.
    `-m conntrack --ctstate DNAT ${reject}`,
    ...allow.flatMap(matchesOf).map((match) => `${match}-j ACCEPT`),
    ...(mode === 'bridge' && !openPrivate ? privateRanges.map((range) => `-d ${range} ${reject}`) : []),
    mode === 'bridge' ? '-j ACCEPT' : reject,
  ];
}

function nodeRules({ allow }: Profile): string[] {
  return [
    ...allow
      .filter(namesOnePort)
      .flatMap(matchesOf)
      .map((match) => `${match}-j ACCEPT`),
    reject,
  ];
}

type SavedTable = ReadonlyMap<string, readonly string[]>;

/** What iptables-save printed: for each table its chains with their rules. */
export function parseSaved(text: string): ReadonlyMap<string, SavedTable> {
  const tables = new Map<string, Map<string, string[]>>();
  let current = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name] = /^\*(\S+)/.exec(line) ?? [];
    const [, chain] = /^:(\S+) /.exec(line) ?? [];
    const [, of = '', rule] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      current = new Map();
      tables.set(name, current);
    } else if (chain !== undefined) current.set(chain, []);
    else if (rule !== undefined) current.get(of)?.push(rule);
  }
  return tables;
}

/**
 * Input for `iptables-restore --noflush` that makes ours of what is there; `undefined` when nothing has to change. Rules and chains of
 * others are left as they are. Each table changes at once, so that those who are being watched stay watched.
 */
export function changesTo(
  wanted: readonly WantedTable[],
  saved: ReadonlyMap<string, SavedTable>,
  prefix: string,
): string | undefined {
  const parts = wanted.map((each) => changesToTable(each, saved.get(each.table) ?? new Map(), prefix));
  const text = parts.filter((part) => part !== '').join('');
  return text === '' ? undefined : text;
}

function changesToTable({ table: name, chains, jumps }: WantedTable, saved: SavedTable, prefix: string): string {
  const ours = [...saved.keys()].filter((chain) => chain.startsWith(prefix));
  const goes = ours.filter((chain) => !chains.has(chain));
  const isAsWanted =
    goes.length === 0 &&
    Array.from(chains).every(([chain, rules]) => isSame(saved.get(chain), rules)) &&
    jumps.every(({ from, to }) => isFirst(saved.get(from) ?? [], to));
  if (isAsWanted) return '';
  const isOurJump = (rule: string): boolean => new RegExp(`-j ${prefix}\\S+$`).test(rule);
  const others = [...saved].filter(([chain]) => !chain.startsWith(prefix));
  const lines = [
    ...others.flatMap(([chain, rules]) => rules.filter(isOurJump).map((rule) => `-D ${chain} ${rule}`)),
    ...goes.map((chain) => `-F ${chain}`),
    ...Array.from(chains).flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ...goes.map((chain) => `-X ${chain}`),
    ...jumps.map(({ from, to }) => `-I ${from} 1 -j ${to}`),
  ];
  // A chain that is declared is emptied first.
  const declared = Array.from(chains.keys(), (chain) => `:${chain} - [0:0]`);
  return [`*${name}`, ...declared, ...lines, 'COMMIT', ''].join('\n');
}

function isSame(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]);
}

function isFirst(rules: readonly string[], to: string): boolean {
  const jump = `-j ${to}`;
  return rules[0] === jump && rules.indexOf(jump, 1) < 0;
}
