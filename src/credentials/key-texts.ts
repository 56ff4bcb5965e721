import { DrawbridgeError } from '../errors.ts';
import { type KeyFile, keyFailure, type Slot } from './key-file.ts';
import type { KeychainProblem } from './keychain.ts';
import type { PrivateFolder } from './private-folder.ts';

/** What is wrong with a keychain, as a sentence. */
const problems: Record<KeychainProblem, string> = {
  unavailable: 'No keychain can be reached from here',
  locked: 'The keychain is locked',
  silent: 'The keychain does not answer',
  denied: 'The keychain denies access',
  failed: 'The keychain does not work',
};

/** What the user can do about it. */
const remedies: Record<KeychainProblem, string> = {
  unavailable: 'Start this where your desktop session is',
  locked: 'Unlock it',
  silent: 'Unlock or restart it',
  denied: 'Allow the access',
  failed: 'Look at it with the program of your desktop for keys and passwords',
};

const BESIDE =
  'so the key of the stored credentials is kept in a file beside them: that protects copies of the credentials alone, not against other programs of this user. For more, set MCP_DRAWBRIDGE_PASSPHRASE';

/** How the key to the stored credentials is kept, for people and programs. */
export interface KeyHolderDescription {
  /** `none`: nothing was stored yet. `memory`: the key is gone with this process. */
  holder: 'keychain' | 'passphrase' | 'key' | 'file' | 'memory' | 'none';
  /** Since when it is held so, epoch ms; undefined: not known. */
  since: number | undefined;
  /** What that protects from, and what not. */
  sentence: string;
}

/** The store's key is in the keychain, and that can't be used. */
export function keychainFailure(folder: PrivateFolder, problem: KeychainProblem): DrawbridgeError {
  return keyFailure(
    folder,
    `${problems[problem]}, and holds their key. ${remedies[problem]}, then try again; or delete the folder and sign in again with --store file`,
  );
}

/** The keychain works, and does not know our key. */
export function missingFromKeychain(folder: PrivateFolder): DrawbridgeError {
  return keyFailure(
    folder,
    'The keychain no longer holds their key. Put it back from a backup of the keychain, or delete the folder and sign in again',
  );
}

/** The keychain holds something else under the name of our key. */
export function changedKeychain(folder: PrivateFolder): DrawbridgeError {
  return keyFailure(
    folder,
    'The keychain holds another key in the place of theirs. Put it back from a backup of the keychain, or delete the folder and sign in again',
  );
}

/** `--store keychain` where there is none that works; nothing was stored. */
export function noKeychain(problem: KeychainProblem): DrawbridgeError {
  return new DrawbridgeError(
    'credential-store',
    `${problems[problem]}, so no credentials were stored. ${remedies[problem]}, then try again; or take --store file, with MCP_DRAWBRIDGE_PASSPHRASE set to a passphrase of yours.`,
  );
}

/** What is said once where the keychain was to be taken and can't be. */
export function warningOf(problem: KeychainProblem): string {
  return `${problems[problem]}, ${BESIDE}`;
}

export function describeHolder(file: KeyFile | undefined): KeyHolderDescription {
  const [slot] = file?.slots ?? [];
  if (slot === undefined) return { holder: 'none', since: undefined, sentence: 'Nothing was stored yet.' };
  const since = slot.since || undefined;
  if (slot.type === 'plain')
    return { holder: 'file', since, sentence: 'The key lies beside the credentials, as it is.' };
  const { holder, sentence } = describeSlot(slot);
  return { holder, since, sentence };
}

/** For `--store memory`. */
export const memoryDescription: KeyHolderDescription = {
  holder: 'memory',
  since: undefined,
  sentence: 'The key is in the memory of this process alone: the credentials are gone with it.',
};

function describeSlot(slot: Slot): Pick<KeyHolderDescription, 'holder' | 'sentence'> {
  switch (slot.type) {
    case 'keychain':
      return {
        holder: 'keychain',
        sentence:
          "The credentials are encrypted with a key in the system's keychain: that protects against other users and copies of the disk.",
      };
    case 'scrypt':
      return {
        holder: 'passphrase',
        sentence:
          'The credentials are encrypted with a key under your passphrase: that protects copies of the disk as far as the passphrase is strong.',
      };
    case 'raw':
      return {
        holder: 'key',
        sentence:
          'The credentials are encrypted with the key of MCP_DRAWBRIDGE_KEY: they are as safe as the place that it comes from.',
      };
    case 'file':
      return {
        holder: 'file',
        sentence: `${slot.instead ? problems[slot.instead] : 'A file was asked for'}, ${BESIDE.replace('is kept', 'is')}${slot.machine ? '; on another machine it does not open' : ''}.`,
      };
  }
}
