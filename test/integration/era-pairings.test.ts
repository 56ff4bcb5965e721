import { describe, expect, test } from 'vitest';
import { type ClientKind, connectEraClient } from '../support/era-client.ts';
import { exercises, type RemoteName } from '../support/era-exercises.ts';
import { startSdkRemote } from '../support/sdk-remote.ts';
import { startSdkV2Remote } from '../support/sdk-v2-remote.ts';
import { within } from '../support/wait.ts';

const clients: ClientKind[] = ['v1', 'v2 modern', 'v2 auto'];

const remotes = {
  'v1 stateful': () => startSdkRemote(),
  'v1 stateless': () => startSdkRemote({ stateless: true }),
  'v2 modern': () => startSdkV2Remote(),
  'v2 dual': () => startSdkV2Remote({ dual: true }),
  'v2 json': () => startSdkV2Remote({ answers: 'json' }),
};

const pairings = clients.flatMap((kind) =>
  (Object.keys(remotes) as RemoteName[]).map((name) => [kind, name] as const),
);

describe.each(pairings)('a %s client, a %s server', (kind, name) => {
  test('can do with each other what their revisions allow [B-01, B-09]', async () => {
    const remote = await remotes[name]();
    // Nothing ever comes from the stateless one: each wait for it is a full one.
    const patience = name === 'v1 stateless' ? 500 : 5000;
    const client = await connectEraClient(kind, remote.url);
    for (const exercise of exercises) {
      const outcome = await within(
        exercise.run({ client, remote, patience }),
        15_000,
        () => 'it never ended',
      ).catch(String);
      const { expected, instead = {} } = exercise;
      expect
        .soft(outcome, exercise.name)
        .toEqual(instead[`${client.era}, ${name}`] ?? instead[name] ?? expected);
    }
    expect.soft(client.faults).toEqual([]);
    expect.soft(client.stderr()).toBe('');
  });
});
