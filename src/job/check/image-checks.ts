import { isReplaced } from '../data-dir.ts';
import { runnerUser } from '../directory.ts';
import type { CheckRequest, CheckResult, ImageLook } from './types.ts';

const largeBytes = 2_000_000_000;
const manyLayers = 60;

/** What can be said of an image without running it. */
export async function checkImage(request: CheckRequest, look: ImageLook): Promise<readonly CheckResult[]> {
  const { details } = request;
  return [
    { check: 'platform', status: 'ok', saw: details.platform },
    sizeOf(request),
    await commandOf(request, look),
    userOf(request),
    workdirOf(request),
    ignoredOf(request),
  ];
}

function sizeOf({ details: { bytes, layers } }: CheckRequest): CheckResult {
  const megabytes = bytes / 1e6;
  const size = megabytes < 10 ? megabytes.toFixed(1) : String(Math.round(megabytes));
  const saw = `${layers} ${layers === 1 ? 'layer' : 'layers'}, ${size} MB to fetch`;
  if (bytes <= largeBytes && layers <= manyLayers) return { check: 'size', status: 'ok', saw };
  const hint = 'Build in several stages and copy what is needed only, or start from a smaller image.';
  return { check: 'size', status: 'warning', saw, hint };
}

async function commandOf({ image }: CheckRequest, look: ImageLook): Promise<CheckResult> {
  const fault = await look.commandFault(runnerUser);
  const { entrypoint, cmd } = image.config;
  if (fault === undefined) return { check: 'command', status: 'ok', saw: [...entrypoint, ...cmd].join(' ') };
  const hint =
    'Mend ENTRYPOINT or CMD: an absolute path of a file with the executable bit for all (chmod 755), together with its interpreter.';
  return { check: 'command', status: 'failed', saw: fault, hint };
}

function userOf({ image }: CheckRequest): CheckResult {
  const { user } = image.config;
  const isRunner = /^1000(:1000)?$/.test(user);
  const named = user === '' ? 'no USER, which is root' : `USER ${user}`;
  const saw = isRunner ? named : `${named}; it runs as 1000:1000 all the same`;
  return { check: 'user', status: 'ok', saw };
}

function workdirOf({ image }: CheckRequest): CheckResult {
  const { workingDir } = image.config;
  if (!isReplaced(workingDir)) return { check: 'workdir', status: 'ok', saw: workingDir };
  return {
    check: 'workdir',
    status: 'warning',
    saw: `${workingDir} lies in a folder that is replaced, so the container cannot be made ready ahead`,
    hint: 'Make it WORKDIR /data, or a folder of the image.',
  };
}

function ignoredOf({ image, details: { volumes, ports, hasHealthcheck } }: CheckRequest): CheckResult {
  const { stopSignal } = image.config;
  const others = volumes.filter((path) => !/^\/(data|tmp)(\/|$)/.test(path));
  const seen = [
    ...(others.length > 0 ? [`VOLUME ${others.join(' ')}`] : []),
    ...(ports.length > 0 ? [`EXPOSE ${ports.join(' ')}`] : []),
    ...(hasHealthcheck ? ['HEALTHCHECK'] : []),
    ...(stopSignal !== 'SIGTERM' && stopSignal !== '15' ? [`STOPSIGNAL ${stopSignal}`] : []),
  ];
  if (seen.length === 0) return { check: 'ignored', status: 'ok', saw: 'none' };
  const hint = 'Do without: scratch files go to /tmp, nobody asks for health, and what stops a component is SIGTERM.';
  return { check: 'ignored', status: 'warning', saw: seen.join(', '), hint };
}
