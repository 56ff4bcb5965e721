import { type ConnectionRecord, findConnections } from '../../src/credentials/record.ts';
import { CredentialStore } from '../../src/credentials/store.ts';
import type { OAuthStage } from './oauth-stage.ts';

/** The connections that the home of a stage holds, the latest sign-in first. */
export function storedConnections({ setup, url }: OAuthStage): ConnectionRecord[] {
  const store = CredentialStore.open(setup.home);
  return findConnections(store, url, 'default').map(({ record }) => record);
}

/** What distinguishes one state of the latest stored connection from another. */
export function generationOf({ setup, url }: OAuthStage): number {
  return findConnections(CredentialStore.open(setup.home), url, 'default')[0]?.generation ?? 0;
}

/** Changes the latest stored connection, as another process might. */
export async function changeConnection(
  { setup, url }: OAuthStage,
  changes: Partial<ConnectionRecord>,
): Promise<void> {
  const store = CredentialStore.open(setup.home);
  const [latest] = findConnections(store, url, 'default');
  if (!latest) throw new Error('no connection is stored');
  const { id, generation, record } = latest;
  await store.write('connection', id, { ...record, ...changes }, generation);
}
