import { resolve } from 'node:path';
import { DrawbridgeError } from '../errors.ts';

/**
 * The folder for everything that the program keeps: MCP_DRAWBRIDGE_HOME, else the place that the platform has for data
 * that stays on this machine. It need not exist.
 *
 * @throws DrawbridgeError `credential-store` where there is no home folder to put it in
 */
export async function stateFolder(env: NodeJS.ProcessEnv): Promise<string> {
  // An empty variable is as good as none.
  if (env.MCP_DRAWBRIDGE_HOME) return resolve(env.MCP_DRAWBRIDGE_HOME);
  try {
    // Loaded here because it asks for the home folder as soon as it is: a user without one would end the program.
    const { default: envPaths } = await import('env-paths');
    return resolve(envPaths('mcp-drawbridge', { suffix: '' }).data);
  } catch (error) {
    throw new DrawbridgeError(
      'credential-store',
      'This user has no home folder. Set MCP_DRAWBRIDGE_HOME to a folder where credentials can be kept.',
      {},
      error,
    );
  }
}
