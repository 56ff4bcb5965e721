import type { CredentialStore } from '../../credentials/store.ts';
import type { Logger } from '../../logger.ts';
import type { GrantChoice, Settings } from '../../settings.ts';
import type { MachineGrant } from './grant.ts';

/** What a grant is made of. */
export interface GrantParts {
  settings: Settings;
  /** Where `store` is, for the process that signs in at an identity provider. */
  folder: string;
  store: CredentialStore;
  log: Logger;
}

const grants: Readonly<Record<Exclude<GrantChoice, 'user'>, (parts: GrantParts) => Promise<MachineGrant>>> = {
  'client-credentials': async ({ settings }) =>
    new (await import('./client-credentials.ts')).ClientCredentials(settings.signIn),
  workload: async ({ settings, log }) =>
    new (await import('./workload.ts')).WorkloadGrant(settings.signIn, log),
  enterprise: async ({ settings, folder, store, log }) =>
    new (await import('./enterprise.ts')).EnterpriseGrant(settings, folder, store, log),
};

/** The grant that the user has chosen; only that is loaded. */
export function openGrant(parts: GrantParts): Promise<MachineGrant> {
  return grants[parts.settings.signIn.grant as Exclude<GrantChoice, 'user'>](parts);
}
