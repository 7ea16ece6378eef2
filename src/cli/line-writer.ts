import { once } from 'node:events';
import { unblocked } from '../sinks/outlet.ts';

/** Standard output for more than fits into memory: whoever writes waits for its reader, and nothing is left out. */
export interface LineWriter extends AsyncDisposable {
  /** True when the reader went away: nobody wants the rest. */
  readonly closed: boolean;
  /** Resolves when there is room for more. */
  write(line: string): Promise<void>;
}

const pageLength = 64 * 1024;

/** Lines leave in pages, and a short moment after the last one. */
export function openLineWriter(): LineWriter {
  const stream = unblocked(process.stdout);
  const gone = Promise.withResolvers<void>();
  const state = { closed: false, page: '' };
  let timer: NodeJS.Timeout | undefined;
  const onGone = (): void => {
    state.closed = true;
    gone.resolve();
  };
  stream.on('error', onGone);
  stream.on('close', onGone);
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const { page } = state;
    state.page = '';
    if (page === '' || state.closed) return;
    if (!stream.write(page)) await Promise.race([once(stream, 'drain').catch(onGone), gone.promise]);
  };
  return {
    get closed() {
      return state.closed;
    },
    write: async (line) => {
      state.page += `${line}\n`;
      if (state.page.length >= pageLength) await flush();
      else timer ??= setTimeout(flush, 50);
    },
    [Symbol.asyncDispose]: async () => {
      await flush();
      if (!state.closed)
        await Promise.race([new Promise<void>((resolve) => stream.write('', () => resolve())), gone.promise]);
    },
  };
}
