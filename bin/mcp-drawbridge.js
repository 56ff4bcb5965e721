#!/usr/bin/env node
// Runs on any Node back to 0.10, so that an old one gets a sentence and not a syntax error:
// desktop clients start whichever Node comes first in their PATH.
var major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  process.stderr.write(
    'mcp-drawbridge needs Node.js 20 or newer; this is ' +
      process.version +
      ' at ' +
      process.execPath +
      ". Install a newer one from https://nodejs.org, or name it in the client's configuration.\n",
  );
  process.exit(1);
}
// Node 22.1 and newer keep compiled code on disk; where the folder can't be written this does nothing.
var nodeModule = require('module');
if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
require('../dist/main.js');
