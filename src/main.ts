import { buildSettings } from './cli/build-settings.ts';
import { parseBridgeArguments } from './cli/fast-arguments.ts';
import { asDrawbridgeError } from './errors.ts';

/** From the arguments to the exit code. The plain start of a bridge takes the short way; all else loads the rest. */
async function main(argv: string[]): Promise<number> {
  process.umask(0o077);
  const bridge = parseBridgeArguments(argv);
  if (bridge) {
    const settings = buildSettings(bridge.url, bridge.values, process.env);
    // Not with the rest of this file: it is most of the code, and commands do without.
    return (await import('./cli/run-bridge.ts')).runBridge(settings);
  }
  const { runFastCommand } = await import('./cli/fast-commands.ts');
  const exitCode = await runFastCommand(argv);
  if (exitCode !== undefined) return exitCode;
  const { runCommand } = await import('./cli/program.ts');
  return runCommand(argv);
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const known = asDrawbridgeError(error);
    process.stderr.write(`mcp-drawbridge: ${known.message}\n`);
    process.exit(known.exitCode);
  },
);
