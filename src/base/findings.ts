import { classify, formatProblems, type Problem, UserError } from './errors.ts';

/** Gathers what several checks find, so that one mistake does not hide the others. */
export class Findings {
  readonly #errors: UserError[] = [];

  /** What the check answers, or `undefined` when it throws a UserError, which is kept; every other error passes. */
  async check<T>(work: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      const error = classify(thrown);
      if (!(error instanceof UserError)) throw error;
      this.#errors.push(error);
      return undefined;
    }
  }

  /** Every problem once. An error that lists none is one itself. */
  get problems(): readonly Problem[] {
    const all = this.#errors.flatMap(({ problems, message, hint }) =>
      problems.length > 0 ? problems : [{ message, ...(hint !== undefined && { hint }) }],
    );
    return [...new Map(all.map((problem) => [JSON.stringify(problem), problem])).values()];
  }

  /** Throws what was found: a single error as it is, several as one under this summary. */
  throw(summary: string): void {
    const [only, ...others] = this.#errors;
    if (only === undefined) return;
    if (others.length === 0) throw only;
    const { problems } = this;
    throw new UserError(`${summary}: ${formatProblems(problems)}`, { problems });
  }
}
