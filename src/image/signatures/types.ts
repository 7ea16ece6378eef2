/** What somebody who signed says. */
export interface Claim {
  /** Of images that he vouches for, `sha256:…`. */
  readonly digests: readonly string[];
  /** Where he says that they lie, as `repositoryOf` writes it; `undefined` when he does not say. */
  readonly repository: string | undefined;
}

/** Something that may be a signature: `data` and what is said to be somebody's signature over these bytes. */
export interface Candidate {
  readonly data: Buffer;
  readonly signatures: readonly Buffer[];
  /** To be asked only once a signature was found to be right. @throws UserError for anything odd */
  readonly claim: () => Claim;
}
