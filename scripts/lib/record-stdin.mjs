// Stands between a client and the bridge and writes down, byte for byte, what the client sends:
//   node record-stdin.mjs <prefix> <command> [arguments]
// Each start has a file of its own: <prefix>-1.jsonl, <prefix>-2.jsonl …
import { spawn } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';

const [prefix, command, ...args] = process.argv.slice(2);
const file = openNext(1);
const child = spawn(command, args, { stdio: ['pipe', 'inherit', 'inherit'] });
process.stdin.on('data', (chunk) => writeSync(file, chunk));
process.stdin.pipe(child.stdin);
child.stdin.on('error', () => {});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));

function openNext(number) {
  try {
    return openSync(`${prefix}-${number}.jsonl`, 'wx');
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return openNext(number + 1);
  }
}
