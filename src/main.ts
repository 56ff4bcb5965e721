import { buildSettings } from './cli/build-settings.ts';
import { parseBridgeArguments } from './cli/fast-arguments.ts';
import { speaksMcpRemote } from './cli/mcp-remote/detect.ts';
import { asDrawbridgeError } from './errors.ts';

/** From the arguments to the exit code. The plain start of a bridge takes the short way; all else loads the rest. */
async function main(given: string[]): Promise<number> {
  process.umask(0o077);
  const { argv, notes } = await translated(given);
  const bridge = parseBridgeArguments(argv);
  if (bridge) {
    const settings = buildSettings(bridge.url, bridge.values, process.env);
    // Not with the rest of this file: it is most of the code, and commands do without.
    return (await import('./cli/run-bridge.ts')).runBridge(settings, notes);
  }
  const { runFastCommand } = await import('./cli/fast-commands.ts');
  const exitCode = await runFastCommand(argv);
  if (exitCode !== undefined) return exitCode;
  const { runCommand } = await import('./cli/program.ts');
  return runCommand(argv, notes);
}

/** The arguments in our own words, where they may be those of mcp-remote. */
async function translated(argv: string[]): Promise<{ argv: string[]; notes?: string[] }> {
  if (!speaksMcpRemote(argv)) return { argv };
  return (await import('./cli/mcp-remote/translate.ts')).inOurWords(argv, process.env);
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const known = asDrawbridgeError(error);
    process.stderr.write(`mcp-drawbridge: ${known.message}\n`);
    process.exit(known.exitCode);
  },
);
