import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bridgeEnvironment, bridgeFile } from '../support/bridge-command.ts';
import { followingBrowser } from '../support/browsers.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** One check of the suite's `checks.json`. */
export interface Check {
  id: string;
  name: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  description: string;
  errorMessage?: string;
}

/** The era that the client in front of the bridge speaks. */
export type ClientEra = 'legacy' | 'modern';

export interface Outcome {
  exitCode: number | null;
  /** Empty where the suite wrote no results: it skipped the scenario, or broke. */
  checks: Check[];
  /** The end of what the suite, the client and the bridge printed. */
  output: string;
}

const require = createRequire(import.meta.url);
const manifest = require.resolve('@modelcontextprotocol/conformance/package.json');
const suiteFile = join(dirname(manifest), 'dist', 'index.js');
const clientFile = fileURLToPath(new URL('client.mjs', import.meta.url));

/**
 * Runs one client scenario at the wire version given, on the given Node; the client, of the era given, and the bridge
 * run on this one.
 */
export async function runScenario(
  node: string,
  scenario: string,
  specVersion: string,
  era: ClientEra,
): Promise<Outcome> {
  const results = tempFolder();
  const command = [process.execPath, clientFile].map((word) => JSON.stringify(word)).join(' ');
  // Extensions are of no revision, and are run on each by force.
  const what = ['--scenario', scenario, '--spec-version', specVersion, '--force', '--timeout', '30000'];
  const child = spawn(node, [suiteFile, 'client', '--command', command, ...what, '--output-dir', results], {
    cwd: results,
    env: bridgeEnvironment({
      BRIDGE_COMMAND: process.env.BRIDGE_COMMAND ?? JSON.stringify([process.execPath, bridgeFile]),
      CLIENT_ERA: era,
      BROWSER: followingBrowser().program,
      MCP_DRAWBRIDGE_HOME: join(results, 'home'),
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  // The last 4,000 characters: stack traces of the suite quote its minified lines.
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { exitCode, checks: readChecks(results), output };
}

function readChecks(results: string): Check[] {
  const files = readdirSync(results, { recursive: true, encoding: 'utf8' });
  const file = files.find((name) => name.endsWith('checks.json'));
  return file === undefined ? [] : (JSON.parse(readFileSync(join(results, file), 'utf8')) as Check[]);
}
