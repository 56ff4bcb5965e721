import { hostname, userInfo } from 'node:os';
import { runSignIn, type SignInControls } from '../../authorization/sign-in/run-sign-in.ts';
import type { SignInTask } from '../../authorization/sign-in/task.ts';
import type { ConnectionRecord } from '../../credentials/record.ts';
import type { CredentialStore } from '../../credentials/store.ts';
import type { Logger } from '../../logger.ts';
import type { Interactivity } from './interactivity.ts';
import type { Terminal } from './terminal.ts';
import { redirectHelp } from './texts.ts';

/** What both ways of `login` have in common. */
export interface LoginStage {
  task: SignInTask;
  store: CredentialStore;
  log: Logger;
  signal: AbortSignal;
  interactivity: Interactivity;
  terminal: Terminal;
  /** Prints what may be opened, on a line of its own. */
  printLink: (url: string) => void;
  /** Tells the bridges that wait. */
  announce: (link: string, windowOpened: boolean) => void;
}

/** Signs in through a browser, here or elsewhere: what comes first, the redirect or what is pasted, counts. */
export function loginByBrowser(stage: LoginStage): Promise<ConnectionRecord> {
  const { task, store, log, signal, interactivity, terminal, printLink, announce } = stage;
  let controls: SignInControls;
  let stopWaiting = (): void => {};
  return runSignIn({
    task,
    store,
    env: process.env,
    log,
    signal,
    onReady: (given) => {
      controls = given;
    },
    onLink: (url, opening) => {
      announce(url, opening);
      terminal.say(
        opening ? 'Opening your browser. If nothing opens, open this page yourself:' : 'Open this page:',
      );
      printLink(url);
      const hears = !task.signIn.browser || interactivity.canAnswer;
      if (hears) {
        terminal.say(redirectHelp(interactivity.place, controls.port, opening, thisMachine()));
        terminal.hearLines(takePasted(controls, terminal));
      } else stopWaiting = terminal.wait('Waiting for the sign-in in the browser', task.signIn.timeout);
    },
    onNoWindow: (_url, why) => terminal.say(`No browser could be opened: ${why}.`),
  }).finally(() => stopWaiting());
}

/** Where the browser is on another machine, the address that it ends at is pasted here. */
function takePasted({ paste }: SignInControls, terminal: Terminal): (line: string) => void {
  return (line) => {
    if (line.trim() === '') return;
    void paste(line).then(({ kind }) => {
      if (kind === 'ignored')
        terminal.say('That is not the answer to this sign-in; please paste the whole address.');
    });
  };
}

/** As the user has come here, where it was by SSH: client address and port, then ours (sshd, SSH_CONNECTION). */
function thisMachine() {
  const [, , address, sshPort] = process.env.SSH_CONNECTION?.split(' ') ?? [];
  return { user: userName(), name: address || hostname(), sshPort };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? 'user'; // a container may run as a user without a name
  }
}
