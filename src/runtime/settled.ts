/** Like `Promise.all`, but settles only when nothing is under way any more, so that what was acquired can be released. @throws the first failure in the given order */
export async function settled(works: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
