import { describe, expect, test } from 'vitest';
import { scrubbedEnvironment, withoutSecrets } from '../../../src/platform/child-environment.ts';

describe('what of the environment is handed on', () => {
  const env = {
    PATH: '/bin',
    Path: 'C:\\Windows',
    LC_ALL: 'C',
    XDG_RUNTIME_DIR: '/run/user/1000',
    XAUTHORITY: '/home/me/.Xauthority',
    'ProgramFiles(x86)': 'C:\\Program Files (x86)',
    USERPROFILE: 'C:\\Users\\me@corp',
    WSL_INTEROP: '/run/WSL/1',
    http_proxy: 'http://proxy:3128',
  };
  const others = {
    HTTPS_PROXY: 'http://ada:s3cret@proxy:3128',
    https_proxy: 'ada:s3cret@proxy:3128',
    MCP_DRAWBRIDGE_CLIENT_SECRET: 's3cret',
    OPENAI_API_KEY: 's3cret',
    AWS_SECRET_ACCESS_KEY: 's3cret',
    SSH_AUTH_SOCK: '/tmp/agent',
  };

  test("to the desktop's opener: a list of names", () => {
    expect(scrubbedEnvironment({ ...env, ...others, MY_SETTING: 'x', NODE_OPTIONS: '--inspect' })).toEqual(
      env,
    );
  });

  test("to a program of the user's: all but secrets", () => {
    const kept = { ...env, MY_SETTING: 'x' };
    const known = { A: 's3cr', B: 'x-long-s3cret-x' };
    expect(withoutSecrets({ ...kept, ...others, ...known }, ['s3cr', 'long-s3cret'])).toEqual(kept);
  });
});
