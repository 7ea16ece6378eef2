import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from '../base/ids.ts';
import { imageDetails } from '../image/details.ts';
import type { ReadyImage } from '../image/types.ts';
import { withLayers } from '../image/view.ts';
import { checkContract } from '../job/check/check.ts';
import type { CheckTools, CheckWishes } from '../job/check/types.ts';
import { printableImage } from '../job/image-plans.ts';
import type { Engine } from '../job/types.ts';
import { cgroupsPath, detectCgroups, processesIn } from '../runtime/cgroups.ts';
import { commandFault } from '../runtime/command.ts';
import { writtenInRoot } from '../runtime/written.ts';
import { readTable } from '../storage/local/csv/read-table.ts';
import type { CheckScreen } from './check-screen.ts';
import type { ConnectedNode } from './compose.ts';
import type { Session } from './session.ts';

interface Place {
  readonly node: ConnectedNode;
  readonly engine: Engine;
  readonly session: Session;
  readonly screen: CheckScreen;
}

/** In every container of ours. */
const mounted = ['/data', '/tmp', '/proc', '/sys', '/dev'];

/** Checks an image that is ready for as long as this takes. */
export async function checkBorrowed(
  image: ReadyImage,
  asked: CheckWishes,
  { node: { client }, engine, session, screen }: Place,
): Promise<void> {
  const { config, signal } = session;
  const { emit, tell } = screen;
  const { snapshotter } = config;
  const cgroups = await detectCgroups();
  const tools: CheckTools = {
    engine,
    settings: config,
    look: {
      commandFault: (user) =>
        withLayers(client, { image, emit }, (layers) =>
          commandFault(layers, image.config, { ...user, additionalGids: [], mounted }),
        ),
      writtenInRoot: (id, most) => writtenInRoot(client, { id, snapshotter, most }),
      processesIn: ({ id, cgroupParent }) => processesIn(join(cgroups.processRoot, cgroupsPath(cgroupParent, id))),
    },
    readTable: async (table, scratch, cancel) => {
      try {
        const { columns, rows } = await readTable(table, scratch, cancel);
        return { columns, rows };
      } finally {
        await rm(scratch, { force: true });
      }
    },
  };
  const details = await imageDetails(client, image);
  const request = { ...asked, id: ulid(), image, details, printable: printableImage(image.name) };
  await checkContract(request, tools, { tell, emit, signal });
}
