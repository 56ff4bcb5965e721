import type { SignIn } from '../authorization/authorizer.ts';
import { DrawbridgeError } from '../errors.ts';
import { SIGN_IN_TOOL } from './provisional-answers.ts';

/** An error message has no more room than this, and a link that is cut leads nowhere. */
const MAX_MESSAGE = 500;

/**
 * What is told to a request that has waited for the user long enough, or need not begin to wait.
 *
 * @param host the server's, as it is shown
 * @param link the URL to open, if it is known; goes into the details too
 * @param command the command that signs in from a terminal
 */
export function signInNeeded(host: string, link: string | undefined, command: string): DrawbridgeError {
  const byCommand = `${host} needs a sign-in: call the tool ${SIGN_IN_TOOL}, or run "${command}" in a terminal.`;
  if (link === undefined) return new DrawbridgeError('sign-in-needed', byCommand);
  const byLink = `${host} needs a sign-in: open ${link} in a browser, then try again.`;
  return new DrawbridgeError('sign-in-needed', byLink.length <= MAX_MESSAGE ? byLink : byCommand, { link });
}

/** What the tool says while the sign-in goes on: for a model, which tells the user. */
export function unfinished(host: string, signIn: SignIn, clientOpensLinks: boolean): string {
  return `${whatToDo(host, signIn, clientOpensLinks)}\n\nThen call ${SIGN_IN_TOOL} again: it waits until the sign-in is done.`;
}

function whatToDo(host: string, { link, windowOpened, command }: SignIn, clientOpensLinks: boolean): string {
  const isOpened = windowOpened || clientOpensLinks;
  if (link !== undefined && !isOpened)
    return `Ask the user to open this link in a browser and sign in to ${host}:\n\n${link}`;
  const where = windowOpened ? 'in the browser window that was opened for it' : 'in the browser';
  const finish = `The sign-in to ${host} is not finished yet. Ask the user to finish it ${where}`;
  if (link !== undefined) return `${finish}, or to open this link:\n\n${link}`;
  return isOpened
    ? `${finish}, or to run this command in a terminal:\n\n${command}`
    : `Ask the user to sign in to ${host} by this command in a terminal:\n\n${command}`;
}
