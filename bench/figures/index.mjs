// All figures, in the order of the table. A figure says how often it is measured, for whom, and which limits of
// the ratio to the floor and to mcp-remote hold for its metrics. Less is better, but for a `rate`.
import { callFigures } from './calls.mjs';
import { commandFigures } from './commands.mjs';
import { eraFigures } from './eras.mjs';
import { installFigures } from './install.mjs';
import { largeFigures } from './large.mjs';
import { memoryFigures } from './memory.mjs';
import { signedInFigures } from './signed-in.mjs';
import { startFigures } from './start.mjs';

const [idle, ten] = memoryFigures;

export const figures = [
  ...startFigures,
  ...signedInFigures,
  idle,
  ...commandFigures,
  ...callFigures,
  ...eraFigures,
  ...largeFigures,
  ten,
  ...installFigures,
];
