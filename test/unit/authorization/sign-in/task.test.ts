import { expect, test } from 'vitest';
import { createTask, readAnnouncement } from '../../../../src/authorization/sign-in/task.ts';
import { SERVER, settingsFor } from '../../helpers/oauth-parts.ts';

test('a task is all that the sign-in process needs, as JSON, and nothing of the environment [122]', () => {
  const settings = settingsFor();
  settings.network.env = { SECRET: 's3cret' };
  const task = createTask(settings, '/folder', {
    challenge: { scope: 'a', resourceMetadata: undefined },
    earlierScope: undefined,
    replaces: 7,
    opensWindow: true,
    isRequested: false,
  });
  expect(task).toMatchObject({ server: SERVER, folder: '/folder', replaces: 7, signIn: settings.signIn });
  expect(JSON.stringify(task)).not.toContain('s3cret');
  expect(JSON.parse(JSON.stringify(task))).toMatchObject({ challenge: { scope: 'a' }, isRequested: false });
});

test('what the holder of the gate has announced', () => {
  const announcement = { connection: 'c', link: 'https://as.example/authorize', windowOpened: true };
  expect(readAnnouncement({ ...announcement, more: 1 })).toEqual(announcement);
  expect(readAnnouncement({ connection: 'c', link: 'l' })).toEqual({
    connection: 'c',
    link: 'l',
    windowOpened: false,
  });
  for (const other of [undefined, null, 7, 'x', [], {}, { connection: 'c' }, { connection: 7, link: 'l' }])
    expect(readAnnouncement(other)).toBeUndefined();
});
