import { counted } from '../base/counted.ts';
import { type InspectedImage, stateOf } from '../image/inspect.ts';
import type { ListedImage } from '../image/list.ts';
import { formatBytes } from '../sinks/format.ts';
import { unknownImages, withLocalImages } from './local-images.ts';
import { print, printJson, printTable, shown } from './output.ts';
import type { Session } from './session.ts';

/** `image ls` */
export async function listAll(session: Session): Promise<void> {
  const { images, diskBytes } = await withLocalImages(session, (local) => local.list());
  if (session.json) return printJson({ type: 'result', images, diskBytes });
  if (images.length === 0)
    return print('No images. Get one with `componentd image pull` or `componentd image import`.');
  printTable(
    ['NAME', 'DISK', 'TRANSFER', 'LAST USED (UTC)', 'KEPT BY', 'DIGEST'],
    images.map((image) => [
      image.name,
      formatBytes(image.diskBytes),
      image.bytes === undefined ? '' : formatBytes(image.bytes),
      shortTime(image.lastUsedAt),
      keptBy(image),
      image.digest.slice(0, 19),
    ]),
  );
  print(`${counted(images.length, 'image')}, ${formatBytes(diskBytes)} on disk`);
}

/** `image inspect` */
export async function inspectOne(reference: string, session: Session): Promise<void> {
  const image = await withLocalImages(session, async (local) => {
    const found = await local.inspect(reference);
    if (found === undefined) throw await unknownImages([reference], local);
    return found;
  });
  const state = stateOf(image);
  if (session.json) return printJson({ type: 'result', ...image, ...state });
  const rows = rowsOf(image, state).filter(([, value]) => value !== '');
  printTable(['IMAGE', image.name], rows);
  if (image.layers.length === 0) return;
  print('');
  printTable(
    ['LAYER', 'TRANSFER', 'UNPACKED', 'DIFF ID'],
    image.layers.map(({ digest, bytes, isPresent, unpackedBytes, diffId = '' }) => [
      digest.slice(0, 19),
      isPresent ? formatBytes(bytes) : `${formatBytes(bytes)}, not here`,
      unpackedBytes === undefined ? 'no' : formatBytes(unpackedBytes),
      diffId.slice(0, 19),
    ]),
  );
}

type Row = readonly [string, string];

function rowsOf(image: InspectedImage, { isWhole, isUnpacked }: ReturnType<typeof stateOf>): readonly Row[] {
  const { config, withoutEffect } = image;
  const list = (words: readonly string[] = []): string => (words.length === 0 ? '' : JSON.stringify(words));
  return [
    ['digest', image.digest],
    ['platform', image.platform ?? ''],
    ['from', image.sources.join(', ') || 'an archive, or another client'],
    ['for', accessText(image.access)],
    ['came', shortTime(image.createdAt)],
    ['built', image.builtAt ?? ''],
    ['last used', shortTime(image.lastUsedAt)],
    ['kept by', keptBy(image)],
    ['on disk', `${formatBytes(image.diskBytes)}, of which ${formatBytes(image.freeableBytes)} go with it`],
    ['transfer', image.bytes === undefined ? '' : formatBytes(image.bytes)],
    ['unpacked', isUnpacked ? 'yes' : 'no'],
    ['content', isWhole ? 'all here' : 'not all here: enough to run it once it is unpacked, not to export it'],
    ['problem', shown(image.problem ?? '')],
    ['entrypoint', list(config?.entrypoint)],
    ['cmd', list(config?.cmd)],
    ['user', config?.user ?? ''],
    ['working dir', config?.workingDir ?? ''],
    ['stop signal', config?.stopSignal ?? ''],
    ...(config?.env ?? []).map((entry): Row => ['env', entry]),
    ...Object.entries(withoutEffect?.labels ?? {}).map(([key, value]): Row => ['label (no effect)', `${key}=${value}`]),
    ['volumes (no effect)', list(withoutEffect?.volumes)],
    ['ports (no effect)', list(withoutEffect?.ports)],
    ['health check', withoutEffect?.hasHealthcheck === true ? 'no effect' : ''],
  ];
}

function accessText(access: InspectedImage['access']): string {
  if (access === undefined) return '';
  if (access.kind === 'private') return `whom its registry gives it to, last on ${shortTime(access.givenAt ?? '')}`;
  return access.kind === 'own' ? 'the tenant, who brought it' : 'everybody, as its registry says';
}

function keptBy({ usedBy, isPinned }: ListedImage): string {
  const [job, ...others] = usedBy;
  const jobs = others.length > 0 ? [counted(usedBy.length, 'job')] : job === undefined ? [] : [`job ${job}`];
  return [...jobs, ...(isPinned ? ['pin'] : [])].join(', ');
}

function shortTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}
