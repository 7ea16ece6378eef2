import { classify, type ErrorClass, type Problem } from '../../src/base/errors.ts';

export interface Failed {
  readonly class: ErrorClass;
  readonly message: string;
  readonly problems: readonly Problem[];
  /** Dotted paths of the problems, in their order. */
  readonly paths: readonly (string | undefined)[];
}

/** The classified error that the call ends with. Fails when it succeeds. */
export async function failureOf(call: () => unknown): Promise<Failed> {
  try {
    await call();
  } catch (thrown) {
    const error = classify(thrown);
    return {
      class: error.class,
      message: error.message,
      problems: error.problems,
      paths: error.problems.map(({ path }) => path),
    };
  }
  throw new Error('the call succeeded, but an error was expected');
}
