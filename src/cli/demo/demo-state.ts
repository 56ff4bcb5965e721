import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary folder that the demo's bridges keep their files in. */
export class DemoState {
  readonly folder = mkdtempSync(join(tmpdir(), 'mcp-drawbridge-demo-'));

  /**
   * The environment of a bridge that keeps its files here; the user's own options for bridges are left out.
   *
   * @param signInTimeout in seconds; 0: nobody is to sign in, so no browser is opened
   */
  environment(signInTimeout: number): Record<string, string> {
    const own = Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !/^MCP_DRAWBRIDGE_/i.test(entry[0]),
    );
    return {
      ...Object.fromEntries(own),
      MCP_DRAWBRIDGE_HOME: this.folder,
      MCP_DRAWBRIDGE_STORE: 'file',
      ...(signInTimeout > 0
        ? { MCP_DRAWBRIDGE_SIGN_IN_TIMEOUT: String(signInTimeout) }
        : { MCP_DRAWBRIDGE_NO_BROWSER: '1' }),
    };
  }

  /** How many files there are, and whether one of these texts can be read in any of them. */
  inspect(secrets: readonly string[]): { files: number; readable: boolean } {
    const texts = readdirSync(this.folder, { recursive: true, encoding: 'utf8' })
      .map((name) => readText(join(this.folder, name)))
      .filter((text) => text !== undefined);
    return {
      files: texts.length,
      readable: texts.some((text) => secrets.some((secret) => text.includes(secret))),
    };
  }

  /** @returns whether it is gone: a process of the demo's that is just ending may have written into it meanwhile */
  remove(): boolean {
    try {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      return true;
    } catch {
      return false;
    }
  }
}

/** Undefined for what is no file, and for one that has just been put in another's place. */
function readText(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'latin1') : undefined;
  } catch {
    return undefined;
  }
}
