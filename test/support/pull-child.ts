import { connectContainerd } from '../../src/containerd/client.ts';
import { createImages } from '../../src/image/images.ts';

/** `node pull-child.ts ADDRESS NAMESPACE REFERENCE`: pulls one image, so that a test can kill the process that does. */
const [address = '', namespace = '', reference = ''] = process.argv.slice(2);
const client = connectContainerd({ address, namespace });
const call = { emit: () => {}, signal: new AbortController().signal };
await createImages(client).ensure({ reference, policy: 'missing' }, call);
client.close();
