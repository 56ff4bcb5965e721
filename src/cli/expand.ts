/**
 * Expands `${VAR}` from the environment.
 *
 * @param onMissing called with the name of a variable that is not set; must throw
 */
export function expandVariables(
  text: string,
  env: NodeJS.ProcessEnv,
  onMissing: (variable: string) => never,
): string {
  return text.replace(/\$\{([^}]*)\}/g, (_, variable: string) => {
    const found = Object.hasOwn(env, variable) ? env[variable] : undefined;
    return found ?? onMissing(variable);
  });
}
