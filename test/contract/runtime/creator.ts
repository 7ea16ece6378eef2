import { connectContainerd } from '../../../src/containerd/client.ts';
import { createRuntime } from '../../../src/runtime/container.ts';

/** A process of its own that creates one container, to be killed on the way: `creator.ts ADDRESS NAMESPACE RUNTIME-ROOT REQUEST [NETWORKS]`. */
const [address = '', namespace = '', root = '', request = '', networks] = process.argv.slice(2);
const client = connectContainerd({ address, namespace });
await client.call('Version.Version', {});
process.stdout.write('ready\n');
await createRuntime(client, {
  snapshotter: 'overlayfs',
  runtime: { name: 'runc', root },
  ...(networks !== undefined && { networks: JSON.parse(networks) }),
}).create(JSON.parse(request));
client.close();
