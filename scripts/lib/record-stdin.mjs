// Stands between a client and the bridge and writes down, byte for byte, what the client sends:
//   node record-stdin.mjs <file> <command> [arguments]
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const [file, command, ...args] = process.argv.slice(2);
const record = createWriteStream(file, { flags: 'a' });
const child = spawn(command, args, { stdio: ['pipe', 'inherit', 'inherit'] });
process.stdin.on('data', (chunk) => record.write(chunk));
process.stdin.pipe(child.stdin);
child.stdin.on('error', () => {});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => record.end(() => process.exit(code ?? 1)));
