import { type Automaton, buildAutomaton } from './automaton.ts';
import { UserError } from './errors.ts';
import { needlesOf } from './needles.ts';
import { type RedactionScan, type RedactionTarget, Scan } from './redaction.ts';
import { mask } from './secrets.ts';

/**
 * Finds every spelling of every secret (see `needlesOf`) in a byte stream, however it is cut into chunks.
 * Where occurrences overlap, their union is one hidden range, so no end of a longer secret is left over.
 * A value beyond 4 KiB is recognised by its first 4 KiB and hidden as far as the text agrees with it.
 */
export interface Redactor {
  /** False when there is nothing to hide. */
  readonly active: boolean;
  /** Each hidden range replaced by `[hidden]`. */
  redactText(text: string): string;
  stream(): RedactionStream;
  /** For readers that need positions: reports clean bytes and hidden ranges in order, each byte once. */
  scan(target: RedactionTarget): RedactionScan;
}

export interface RedactionStream {
  /** What is certain after this chunk. At most the longest needle stays behind. */
  push(chunk: Buffer): Buffer;
  flush(): Buffer;
}

/**
 * A set that grows is a new redactor: start it at the next stream.
 * @throws UserError for more secrets than can be searched for at once (thousands); nothing is ever left out silently.
 */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const automaton = automatonFor([...new Set(secrets)].filter((secret) => secret.trim() !== ''));

  const scan = (target: RedactionTarget): RedactionScan =>
    automaton === undefined
      ? { push: (chunk) => target.clean(chunk), flush: () => undefined }
      : new Scan(automaton, target);
  const stream = (): RedactionStream => {
    let parts: Buffer[] = [];
    const scanning = scan({
      clean: (bytes) => void parts.push(Buffer.from(bytes)),
      hidden: (_length, first) => void (first && parts.push(maskBytes)),
    });
    const take = (): Buffer => {
      const taken = parts;
      parts = [];
      return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken);
    };
    return {
      push: (chunk) => {
        scanning.push(chunk);
        return take();
      },
      flush: () => {
        scanning.flush();
        return take();
      },
    };
  };
  const redactText = (text: string): string => {
    if (automaton === undefined) return text;
    const { push, flush } = stream();
    return Buffer.concat([push(Buffer.from(text)), flush()]).toString();
  };
  return Object.freeze({ active: automaton !== undefined, redactText, stream, scan });
}

function automatonFor(secrets: readonly string[]): Automaton | undefined {
  if (secrets.length === 0) return undefined;
  for (const extent of ['all', 'essential'] as const) {
    const needles = new Map(
      secrets.flatMap((secret) => needlesOf(secret, extent).map((needle) => [needle.toString('latin1'), needle])),
    );
    const automaton = buildAutomaton([...needles.values()]);
    if (automaton !== undefined) return automaton;
  }
  throw new UserError(`${secrets.length} secrets are too many to hide in the output`, {
    hint: 'Use fewer `#` values in this configuration.',
  });
}

const maskBytes = Buffer.from(mask);
