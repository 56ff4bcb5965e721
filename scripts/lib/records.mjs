import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const recorder = fileURLToPath(new URL('record-stdin.mjs', import.meta.url));

/** What clients have sent, in a folder: a file for each start of the bridge, `<client>-<number>.jsonl`. */
export class Records {
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  /** What stands before the bridge's own command to have its stdin recorded. */
  async begin(client) {
    await mkdir(this.#folder, { recursive: true });
    for (const file of await this.#filesOf(client)) await rm(file);
    return [process.execPath, recorder, join(this.#folder, client)];
  }

  /** Puts something else in the place of what is of this machine or of this run only; all else stays as it was sent. */
  async scrub(client, { home, word }) {
    for (const file of await this.#filesOf(client)) {
      const text = await readFile(file, 'utf8');
      const scrubbed = text
        .replaceAll(home, '/home/user/project')
        .replaceAll(basename(home), 'project')
        .replaceAll(word, 'hello')
        .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, nilUuid);
      await writeFile(file, scrubbed);
    }
  }

  async #filesOf(client) {
    const files = await readdir(this.#folder);
    return files
      .filter((name) => name.replace(/-\d+\.jsonl$/, '') === client)
      .map((name) => join(this.#folder, name));
  }
}

const nilUuid = '00000000-0000-4000-8000-000000000000';
