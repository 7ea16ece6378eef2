import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { loadProto } from '../../scripts/generate/wire.ts';
import { openChannel } from '../../src/containerd/channel.ts';

const root = join(import.meta.dirname, '../..');
const platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };

/** Lets containerd 2.x pull an image by itself, from a registry that speaks plain http, and unpack it. */
export async function pullByTransfer({
  address,
  namespace,
  image,
}: {
  address: string;
  namespace: string;
  image: string;
}): Promise<void> {
  const wire = await loadProto(join(root, 'proto'), join(import.meta.dirname, 'proto'));
  const encode = (type: string, value: object): Buffer => {
    const message = wire.lookupType(type);
    return Buffer.from(message.encode(message.fromObject(value)).finish());
  };
  const any = (type: string, value: object) => ({ typeUrl: type, value: encode(type, value) });
  const source = any('containerd.types.transfer.OCIRegistry', {
    reference: image,
    resolver: { defaultScheme: 'http' },
  });
  const unpacks = [{ platform, snapshotter: 'overlayfs' }];
  const destination = any('containerd.types.transfer.ImageStore', { name: image, platforms: [platform], unpacks });
  const request = encode('containerd.services.transfer.v1.TransferRequest', { source, destination });
  const metadata = new Metadata();
  metadata.set('containerd-namespace', namespace);
  const client = openChannel(address);
  try {
    await new Promise<void>((resolve, reject) => {
      const path = '/containerd.services.transfer.v1.Transfer/Transfer';
      client.makeUnaryRequest(
        path,
        (bytes: Buffer) => bytes,
        () => undefined,
        request,
        metadata,
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  } finally {
    client.close();
  }
}
