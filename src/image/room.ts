import { InfrastructureError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import { ContainerdError } from '../containerd/errors.ts';

/** Tries to get so many bytes free; false when nothing came of it. */
export type MakeRoom = (bytes: number, signal: AbortSignal) => Promise<boolean>;

interface Call {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What a layer takes, as it came and unpacked, in multiples of what it takes on the way. */
const growth = 4;
const leastBytes = 256 * 2 ** 20;

/**
 * Gets an image, and once more when the disk was full and room could be made. What the first try had got by then was removed with it.
 * @throws InfrastructureError reason `disk_full` when there is no room; what `get` throws
 */
export async function withRoom<T, C extends Call>(
  call: C,
  makeRoom: MakeRoom | undefined,
  get: (call: C) => Promise<T>,
): Promise<T> {
  const wanted = new Map<string, number>();
  const emit: Emit = (event) => {
    if (event.type === 'layer' && event.status !== 'exists') wanted.set(event.digest, event.total);
    call.emit(event);
  };
  try {
    return await get({ ...call, emit });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    const bytes = Math.max(leastBytes, growth * [...wanted.values()].reduce((sum, size) => sum + size, 0));
    const message = 'there is no space left for the image; looking for images that nobody needs';
    call.emit({ type: 'message', level: 'warning', message });
    if (!(await makeRoom?.(bytes, call.signal).catch(() => false))) throw noRoom(error);
  }
  try {
    return await get(call);
  } catch (error) {
    throw isDiskFull(error) ? noRoom(error) : error;
  }
}

function noRoom(cause: unknown): InfrastructureError {
  return new InfrastructureError("there is no space left for the image on containerd's disk", {
    cause,
    reason: 'disk_full',
    hint: '`componentd image prune --all --dry-run` shows what could go; what was used a moment ago, is pinned, or came from an archive does not go by itself.',
  });
}

/** containerd has no code for it: the words are those of the kernel (strerror(3)). */
function isDiskFull(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (['ENOSPC', 'EDQUOT'].includes((each as NodeJS.ErrnoException).code ?? '')) return true;
    if (each instanceof ContainerdError && /no space left on device|disk quota exceeded/i.test(each.details))
      return true;
  }
  return false;
}
