/** The clients as the command line names them (CLI.md, Commands). */
export const clientIds = [
  'claude-desktop',
  'claude-code',
  'cursor',
  'vscode',
  'windsurf',
  'zed',
  'codex',
  'gemini',
] as const;

export type ClientId = (typeof clientIds)[number];
