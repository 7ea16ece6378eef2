/** An amount of memory as definitions write it. */
export const memoryPattern = /^[0-9]{1,9}[mg]$/i;

/** `256m` is 256, `1g` is 1000: the number before the `M` that Docker is given (contract 1.2), which Docker counts in MiB. */
export function memoryMegabytes(text: string): number {
  return Number.parseInt(text, 10) * (/g$/i.test(text) ? 1000 : 1);
}

/** Bytes of a text that Docker is given as it is: `m` counts MiB, `g` counts GiB. */
export function dockerBytes(text: string): number {
  return Number.parseInt(text, 10) * 2 ** (/g$/i.test(text) ? 30 : 20);
}

/** Bytes as limits of memory are written, whose `256m` is 256 MiB: `3.6 MiB`, `255 MiB`; never rounded up to a limit that was not met. */
export function formatMemory(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return `${mebibytes < 10 ? (Math.floor(mebibytes * 10) / 10).toFixed(1) : Math.floor(mebibytes)} MiB`;
}
