// How soon the commands that people wait for are done, of what Node itself takes to do nothing.
import { start } from '../processes.mjs';

const PATIENCE = 15_000;

// For the floor: the least that a program on Node can take.
const NOTHING = ['-e', '0'];

async function untilDone(args, env) {
  const startedAt = performance.now();
  const child = start(process.execPath, args, { env });
  child.stdin.end();
  child.stdout.resume();
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  const { code, reason } = await child.ended;
  clearTimeout(timer);
  const ms = performance.now() - startedAt;
  if (code !== 0) throw new Error(`${args.slice(1).join(' ')} ${reason}: ${child.lastError()}`);
  return ms;
}

const commands = [
  { key: 'version', args: ['--version'] },
  { key: 'help', args: ['--help'] },
  { key: 'status', args: ['status'] },
  { key: 'logout', args: ['logout', 'https://mcp.example.com/mcp'] },
];

export const commandFigures = [
  {
    name: 'commands',
    runs: 15,
    metrics: commands.map(({ key, args }) => ({
      key,
      label: `\`${args.slice(0, 1).join(' ')}\` (floor: \`node -e 0\`), ms`,
      ofFloor: 1.6,
    })),
    // mcp-remote has no commands.
    takes: ({ name }) => name !== 'mcp-remote',
    measure: async ({ name, program, env }) => {
      const values = {};
      for (const { key, args } of commands)
        values[key] = await untilDone(name === 'floor' ? NOTHING : [program, ...args], env);
      return values;
    },
  },
];
