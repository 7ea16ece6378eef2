/**
 * The images that a Dockerfile is based on or copies from, as it names them, once each: what `FROM`, `COPY --from` and `RUN --mount=from=`
 * say, without its own stages and `scratch`. Arguments before the first `FROM` have the given values, else their defaults. A name that is
 * still not known is left out: the build will say so.
 */
export function baseImagesOf(dockerfile: string, given: Readonly<Record<string, string>> = {}): readonly string[] {
  const values = new Map<string, string>();
  const stages = new Set<string>(['scratch']);
  const found = new Set<string>();
  const use = (name: string): void => {
    const image = substituted(unquoted(name), values);
    if (image !== undefined && image !== '' && !stages.has(image.toLowerCase()) && !/^\d+$/.test(image))
      found.add(image);
  };
  let isBeforeFrom = true;
  for (const { keyword, rest } of instructionsOf(dockerfile)) {
    const { flags, words } = wordsOf(rest);
    if (keyword === 'ARG' && isBeforeFrom) for (const word of words) setArgument(word, { values, given });
    else if (keyword === 'FROM') {
      isBeforeFrom = false;
      const [name = '', as = '', stage = ''] = words;
      use(name);
      if (as.toLowerCase() === 'as') stages.add(stage.toLowerCase());
    } else if (keyword === 'COPY' || keyword === 'ADD' || keyword === 'RUN')
      for (const from of sources(flags)) use(from);
  }
  return [...found];
}

interface Instruction {
  /** In upper case. */
  readonly keyword: string;
  readonly rest: string;
}

/** Comments and empty lines go, lines that end in the escape character go on. */
function instructionsOf(dockerfile: string): readonly Instruction[] {
  const continuation = /^#\s*escape\s*=\s*`\s*$/im.test(dockerfile.split('\n').slice(0, 5).join('\n')) ? '`' : '\\';
  const instructions: Instruction[] = [];
  let open = '';
  for (const line of dockerfile.replaceAll('\r', '').split('\n')) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    open += text.endsWith(continuation) ? `${text.slice(0, -1)} ` : text;
    if (text.endsWith(continuation)) continue;
    const [keyword = ''] = open.split(/\s/, 1);
    instructions.push({ keyword: keyword.toUpperCase(), rest: open.slice(keyword.length).trim() });
    open = '';
  }
  return instructions;
}

function wordsOf(rest: string): { readonly flags: readonly string[]; readonly words: readonly string[] } {
  const all = rest.split(/\s+/).filter((word) => word !== '');
  const first = all.findIndex((word) => !word.startsWith('--'));
  return first < 0 ? { flags: all, words: [] } : { flags: all.slice(0, first), words: all.slice(first) };
}

function sources(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag) => {
    if (flag.startsWith('--from=')) return [flag.slice('--from='.length)];
    if (!flag.startsWith('--mount=')) return [];
    return flag
      .slice('--mount='.length)
      .split(',')
      .filter((option) => option.startsWith('from='))
      .map((option) => option.slice('from='.length));
  });
}

interface Arguments {
  readonly values: Map<string, string>;
  readonly given: Readonly<Record<string, string>>;
}

function setArgument(word: string, { values, given }: Arguments): void {
  const at = word.indexOf('=');
  const name = at < 0 ? word : word.slice(0, at);
  const value = Object.hasOwn(given, name) ? given[name] : at < 0 ? undefined : unquoted(word.slice(at + 1));
  const known = value === undefined ? undefined : substituted(value, values);
  if (known !== undefined) values.set(name, known);
}

/** `$name`, `${name}`, `${name:-default}` and `${name:+other}`. */
function substituted(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let isKnown = true;
  const result = text.replace(/\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))/g, (_, braced, kind, word, bare) => {
    const value = values.get(braced ?? bare) ?? '';
    if (kind === '-') return value || word;
    if (kind === '+') return value && word;
    if (value === '') isKnown = false;
    return value;
  });
  return isKnown ? result : undefined;
}

function unquoted(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}
