import { UserError } from '../../base/errors.ts';
import type { Need, TokenInfo } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import { type Holder, holderOf } from './holder.ts';
import { inWords, rightFor } from './rights.ts';

/** Why something may not be done, and the way out. */
export interface Refusal {
  readonly message: string;
  readonly hint: string;
  readonly reason: 'token' | 'forbidden';
}

/**
 * The one place where rights are enforced. It is bound to a token and asks the catalogue anew every time: a token that is revoked or expires
 * is worth nothing from that moment on, also in the middle of a job. Inside a transaction its answer holds for the whole of it.
 */
export class Guard {
  readonly token: TokenInfo;
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue, token: TokenInfo) {
    this.#catalogue = catalogue;
    this.token = token;
  }

  /** Answers whose the token's files are. @throws UserError naming the token and the first right that is missing */
  require(...needs: readonly Need[]): { readonly owner: number } {
    const refusal = this.refusal(...needs);
    if (refusal !== undefined) throw new UserError(refusal.message, refusal);
    return this.#valid();
  }

  /** The first of the needs that the token does not cover, or that it is worth nothing; `undefined` when it may all. */
  refusal(...needs: readonly Need[]): Refusal | undefined {
    const holder = this.#holder();
    const name = `the token "${this.token.description}" (${this.token.id})`;
    if (holder.state === 'gone') return { message: `${name} was revoked`, hint: another, reason: 'token' };
    if (holder.state === 'expired') {
      return { message: `${name}, or one it came from, expired on ${holder.since}`, hint: another, reason: 'token' };
    }
    const missing = needs.find((need) => !holder.may(need));
    if (missing === undefined) return undefined;
    const hint = `It was made without ${rightFor(missing)}: use a token that has it, see \`componentd storage token --help\`.`;
    return { message: `${name} may not ${inWords(missing)}`, hint, reason: 'forbidden' };
  }

  /** For lists: what the token may not is left out. @throws UserError when the token is worth nothing */
  viewer(): (need: Need) => boolean {
    return this.#valid().may;
  }

  /** Whose files are seen: all, or those of one token. @throws UserError when the token is worth nothing */
  filesOf(): number | 'all' {
    const { may, owner } = this.#valid();
    return may({ on: 'files', to: 'all' }) ? 'all' : owner;
  }

  /** Whether the token is the project's own. @throws UserError when it is worth nothing */
  isAdmin(): boolean {
    return this.#valid().kind === 'admin';
  }

  #valid(): Extract<Holder, { state: 'valid' }> {
    const holder = this.#holder();
    if (holder.state === 'valid') return holder;
    const refusal = this.refusal() as Refusal;
    throw new UserError(refusal.message, refusal);
  }

  #holder(): Holder {
    return holderOf(this.#catalogue, Number(this.token.id));
  }
}

const another = 'Use another token, or ask whoever manages them for a new one.';
