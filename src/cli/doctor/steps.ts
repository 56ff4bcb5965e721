import type { Settings } from '../../settings.ts';
import { checkBinding } from './check-binding.ts';
import { checkCredentials, checkGrantedScopes, checkLeftovers } from './check-credentials.ts';
import { checkAuthorizationServer, checkProtectedResource } from './check-discovery.ts';
import { checkEndpoint } from './check-endpoint.ts';
import { checkIdentityProvider } from './check-identity-provider.ts';
import { checkEnvironment, checkNode } from './check-machine.ts';
import { checkClock, checkConnection, checkName, checkProxy } from './check-network.ts';
import { checkInitialize, checkTools } from './check-session.ts';
import { checkPkceSupport, checkRegistration, checkResource, checkScopes } from './check-sign-in.ts';
import { checkStore } from './check-store.ts';
import { checkTls } from './check-tls.ts';
import type { Step } from './step.ts';

/** What is looked at of a connection, in this order. */
export function stepsFor({ signIn }: Settings): readonly Step[] {
  return steps.filter(({ id }) => id !== 'identity-provider' || signIn.identityProvider !== undefined);
}

/** All that there is. The ids are for programs, and stay. */
export const steps: readonly Step[] = [
  { id: 'node', title: 'Node.js', needs: [], run: checkNode },
  { id: 'environment', title: 'Environment', needs: [], run: checkEnvironment },
  { id: 'store', title: 'Credential store', needs: [], run: checkStore },
  { id: 'proxy', title: 'Proxy', needs: [], run: checkProxy },
  { id: 'name', title: 'Name', needs: ['proxy'], run: checkName },
  { id: 'connection', title: 'Connection', needs: ['name'], run: checkConnection },
  { id: 'tls', title: 'TLS', needs: ['connection'], run: checkTls },
  { id: 'clock', title: 'Clock', needs: ['tls'], run: checkClock },
  { id: 'endpoint', title: 'Endpoint', needs: ['tls'], run: checkEndpoint },
  { id: 'protected-resource', title: 'Resource metadata', needs: ['endpoint'], run: checkProtectedResource },
  {
    id: 'authorization-server',
    title: 'Authorization server',
    needs: ['protected-resource'],
    run: checkAuthorizationServer,
  },
  { id: 'pkce', title: 'PKCE', needs: ['authorization-server'], run: checkPkceSupport },
  { id: 'registration', title: 'Registration', needs: ['authorization-server'], run: checkRegistration },
  { id: 'scope', title: 'Scopes to ask for', needs: ['authorization-server'], run: checkScopes },
  { id: 'resource', title: 'Resource to ask for', needs: ['authorization-server'], run: checkResource },
  { id: 'binding', title: 'Bound tokens', needs: ['authorization-server'], run: checkBinding },
  { id: 'identity-provider', title: 'Identity provider', needs: ['store'], run: checkIdentityProvider },
  { id: 'credentials', title: 'Credentials', needs: ['store'], run: checkCredentials },
  { id: 'granted-scope', title: 'Scopes granted', needs: ['credentials'], run: checkGrantedScopes },
  { id: 'leftovers', title: 'Left by others', needs: ['store'], run: checkLeftovers },
  { id: 'initialize', title: 'initialize', needs: ['endpoint'], run: checkInitialize },
  { id: 'tools', title: 'tools/list', needs: ['initialize'], run: checkTools },
];
