import type { Runtime } from '../runtime/types.ts';

/** Of a job: what its containers are in. */
export function cgroupOf(plan: { readonly tenant: string; readonly job: string }): string {
  return `/componentd/${plan.tenant}/${plan.job}`;
}

/** Removes a container in any state. One that never ran is killed first: its shim lets two seconds pass before it deletes it as it is. */
export async function discardContainer(runtime: Runtime, id: string): Promise<void> {
  const left = await runtime.open(id);
  await left?.stop(0);
  await runtime.remove(id);
}
