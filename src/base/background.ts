/** Work that goes on beside something else, and is waited for later. A failure waits, too: it never ends the process on its own. */
export class Background {
  readonly #works: Promise<unknown>[] = [];

  add(work: Promise<unknown>): void {
    work.catch(() => undefined);
    this.#works.push(work);
  }

  /** Waits for everything, also for what is added meanwhile; answers what failed. */
  async settle(): Promise<readonly unknown[]> {
    const failures: unknown[] = [];
    for (let works = this.#works.splice(0); works.length > 0; works = this.#works.splice(0)) {
      for (const settled of await Promise.allSettled(works)) {
        if (settled.status === 'rejected') failures.push(settled.reason);
      }
    }
    return failures;
  }
}
