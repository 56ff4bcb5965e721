import { findOwnConnections } from '../../credentials/apart.ts';
import { openStore } from '../../credentials/open-store.ts';
import { asDrawbridgeError, displayText } from '../../errors.ts';
import type { LogFields } from '../../logger.ts';
import type { Examination } from './examination.ts';
import { type Finding, failedBy, ok, warn } from './step.ts';

interface Warning {
  event: string;
  fields: LogFields;
}

/** Whether the stored credentials can be opened, and how they are kept. Creates nothing. */
export async function checkStore(examination: Examination): Promise<Finding> {
  const { settings, folder } = examination;
  const warnings: Warning[] = [];
  const log = { warn: (event: string, fields: LogFields = {}) => void warnings.push({ event, fields }) };
  try {
    // Somebody has to be there to unlock a keychain.
    const mayPrompt = process.stdin.isTTY === true;
    const { store } = await openStore(settings.store, folder, { log, mayPrompt });
    examination.stored = findOwnConnections(store, settings.url.href, settings.signIn);
    examination.store = store;
    const { holder, sentence } = store.describeKeyHolder();
    const facts = { holder, folder };
    const text = `${folder}: ${sentence}`;
    const [first] = warnings;
    return first === undefined ? ok(text, facts) : warn(textOf(first), reasonOf(first), fixOf(first), facts);
  } catch (error) {
    const failure = asDrawbridgeError(error);
    return failedBy(failure, fixFor(failure.message));
  }
}

/** What the sentence says to do, as a command or a setting where there is one. */
function fixFor(message: string): string | undefined {
  if (message.includes('newer version')) return 'npx -y mcp-drawbridge@latest';
  const variable = /MCP_DRAWBRIDGE_(PASSPHRASE|KEY)/.exec(message)?.[0];
  if (variable !== undefined) return `set ${variable} to the one that was used when they were stored`;
  return undefined;
}

function isLoose({ event }: Warning): boolean {
  return event.includes('open to other users');
}

function textOf(warning: Warning): string {
  const file = displayText(String(warning.fields.file ?? ''), 200);
  if (!isLoose(warning)) return `${warning.event}: ${file}`;
  const what =
    warning.fields.tightened === false ? 'could not be closed to them' : 'has been closed to them now';
  return `${file} was open to other users, and ${what}`;
}

function reasonOf(warning: Warning): string {
  return isLoose(warning) ? 'loose-modes' : 'damaged-record';
}

function fixOf(warning: Warning): string {
  if (!isLoose(warning)) return 'sign in again if a connection has lost its sign-in';
  return warning.fields.tightened === false
    ? 'take the rights of other users away (chmod -R go= on that folder)'
    : 'if others use this machine, sign in again, so that what they may have read is worth nothing';
}
