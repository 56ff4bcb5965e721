/** What a browser and a desktop's opener need to find their home, their display and their settings. */
const names = new Set(
  [
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM TMPDIR TMP TEMP BROWSER',
    'DISPLAY WAYLAND_DISPLAY WAYLAND_SOCKET XAUTHORITY DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION',
    'KDE_FULL_SESSION KDE_SESSION_VERSION GNOME_DESKTOP_SESSION_ID DE SNAP_REAL_HOME',
    '__CF_USER_TEXT_ENCODING HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY',
    'SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT PUBLIC PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432',
    'COMMONPROGRAMFILES COMMONPROGRAMFILES(X86) APPDATA LOCALAPPDATA USERPROFILE USERNAME USERDOMAIN',
    'HOMEDRIVE HOMEPATH ALLUSERSPROFILE COMPUTERNAME SESSIONNAME',
  ].flatMap((line) => line.split(' ')),
);
const families = /^(LC_|XDG_|WSL_|WSLENV$)/;
const secretNames = /^MCP_DRAWBRIDGE_|TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|COOKIE|JWT|BEARER|PRIVATE/i;

/**
 * What of the environment the desktop's opener, and with it the browser, inherits: what is on a list, so that no secret
 * of this program or of the user's other settings lives on in a browser [4, T120]. Proxies only without a password.
 */
export function scrubbedEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return keep(env, (name, value) => {
    return isListed(name) && !holdsLogin(name, value);
  });
}

/**
 * For a program of the user's own choice, which may have settings of its own in the environment: all but what is ours,
 * what by its name is a secret, and what holds one of `secrets`.
 */
export function withoutSecrets(env: NodeJS.ProcessEnv, secrets: readonly string[]): NodeJS.ProcessEnv {
  const isKnown = (value: string): boolean =>
    secrets.some((secret) => value === secret || (secret.length >= 8 && value.includes(secret)));
  // A header's value may be put together of a variable and more.
  const isPart = (name: string, value: string): boolean =>
    !isListed(name) && value.length >= 8 && secrets.some((secret) => secret.includes(value));
  return keep(env, (name, value) => {
    return (
      (isListed(name) || !secretNames.test(name)) &&
      !holdsLogin(name, value) &&
      !isKnown(value) &&
      !isPart(name, value)
    );
  });
}

function keep(env: NodeJS.ProcessEnv, test: (name: string, value: string) => boolean): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => value !== undefined && test(name, value)),
  );
}

function isListed(name: string): boolean {
  return names.has(name.toUpperCase()) || families.test(name);
}

/** A user name and password in a URL; proxies may be given without "http://". */
function holdsLogin(name: string, value: string): boolean {
  return /:\/\/[^/\s]*@/.test(value) || (/_proxy$/i.test(name) && value.includes('@'));
}
