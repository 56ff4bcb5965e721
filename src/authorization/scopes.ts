/** Which scopes are asked for (MCP 2025-11-25, Scope Selection Strategy; DESIGN rule 9). */

export interface ScopeSources {
  /** `--scope`: exactly this, whatever else is known. */
  explicit: string | undefined;
  /** The challenge's `scope`. */
  challenge: string | undefined;
  /** `scopes_supported` of the protected resource metadata. */
  resource: readonly string[] | undefined;
  /** What was asked for before, where this is a step-up or another sign-in. */
  earlier: string | undefined;
  /** `scopes_supported` of the authorization server metadata: a source of nothing but `offline_access`. */
  authorizationServer: readonly string[] | undefined;
}

/** @returns the `scope` parameter; undefined where it is left out */
export function selectScope(sources: ScopeSources): string | undefined {
  const { explicit, challenge, resource, earlier, authorizationServer } = sources;
  if (explicit !== undefined) return explicit;
  const offered = resource?.filter((scope) => scope !== OFFLINE_ACCESS);
  const scopes = unite(earlier, challenge ?? offered?.join(' '));
  if (scopes === undefined) return undefined;
  // A refresh token is wanted; it is asked for where that is known to be understood (SEP-2207).
  return authorizationServer?.includes(OFFLINE_ACCESS) ? unite(scopes, OFFLINE_ACCESS) : scopes;
}

const OFFLINE_ACCESS = 'offline_access';

/** All scopes of both, each once, in the order in which they come; undefined where there is none. */
export function unite(...lists: (string | undefined)[]): string | undefined {
  const scopes = new Set(lists.flatMap((list) => list?.split(' ') ?? []).filter(Boolean));
  return scopes.size === 0 ? undefined : [...scopes].join(' ');
}

/** Whether every scope of `wanted` is among those of `granted`. */
export function covers(granted: string | undefined, wanted: string | undefined): boolean {
  const have = new Set(granted?.split(' '));
  return (wanted?.split(' ') ?? []).every((scope) => scope === '' || have.has(scope));
}
