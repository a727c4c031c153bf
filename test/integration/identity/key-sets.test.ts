import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Authenticator, Outcome } from '../../../src/identity/authenticator.ts';
import type { JwtIssuerSettings } from '../../../src/identity/config.ts';
import { createJwtAuthenticator } from '../../../src/identity/jwt.ts';
import { remoteKeyTimes } from '../../../src/identity/key-sets.ts';
import { handClock, peerWith } from '../../unit/identity/certificates.ts';
import { issuerSettings, makeKey, type SigningKey, sign, startKeyServer } from './issuer.ts';

let directory: string;
let problems: string[];
let clock: ReturnType<typeof handClock>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'talosgate-keys-'));
  problems = [];
  clock = handClock();
});
afterEach(() => rm(directory, { recursive: true }));

const longLived: Partial<JwtIssuerSettings> = { max_age: 10 * 3_600_000 };

function open(keys: JwtIssuerSettings['keys']): Promise<Authenticator> {
  return createJwtAuthenticator({
    issuers: [issuerSettings(keys, longLived)],
    clock,
    onProblem: text => void problems.push(text),
  });
}

async function ask(authenticator: Authenticator, key: SigningKey, header = {}): Promise<Outcome> {
  const token = await sign(key, { exp: clock.now() / 1000 + 7200, iat: clock.now() / 1000 }, header);
  return authenticator.authenticate({ peer: peerWith(undefined), authorization: `Bearer ${token}` });
}

describe('keys from an address', () => {
  it('fetches once for many tokens, and again when a token names a new key', async () => {
    const [old, next] = [await makeKey('old'), await makeKey('next')];
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([old]), it => it.close());
    const authenticator = await open({ url: server.url });
    const outcomes = await Promise.all([1, 2, 3].map(() => ask(authenticator, old)));
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['principal', 'principal', 'principal']);
    expect(server.requests()).toBe(1);
    server.publish([next]);
    clock.advance(remoteKeyTimes.coolDown);
    expect((await ask(authenticator, next)).kind).toBe('principal');
    expect(await ask(authenticator, old)).toMatchObject({ kind: 'failed', reason: 'bad-token' });
    expect(server.requests()).toBe(2);
  });

  it('does not let unknown keys make it fetch more often than the cool-down', async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([await makeKey('k1')]), it => it.close());
    const authenticator = await open({ url: server.url });
    for (let round = 0; round < 5; round += 1) {
      expect(await ask(authenticator, await makeKey(`stranger-${round}`))).toMatchObject({ reason: 'bad-token' });
    }
    expect(server.requests()).toBe(1);
  });

  it('forgets a verified token when its key is withdrawn', async () => {
    const [old, next] = [await makeKey('old'), await makeKey('next')];
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([old]), it => it.close());
    const authenticator = await open({ url: server.url });
    const token = await sign(old, { exp: clock.now() / 1000 + 9000 });
    const again = () => authenticator.authenticate({ peer: peerWith(undefined), authorization: `Bearer ${token}` });
    expect((await again()).kind).toBe('principal');
    server.publish([next]);
    clock.advance(remoteKeyTimes.fresh);
    await again();
    await expect.poll(() => server.requests()).toBe(2);
    await expect.poll(async () => (await again()).kind).toBe('failed');
  });

  it('keeps known keys while the provider is away, for a bounded time', async () => {
    const key = await makeKey('k1');
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([key]), it => it.close());
    const authenticator = await open({ url: server.url });
    expect((await ask(authenticator, key)).kind).toBe('principal');
    await server.close();
    clock.advance(remoteKeyTimes.usable - 1);
    expect((await ask(authenticator, key)).kind).toBe('principal');
    clock.advance(remoteKeyTimes.coolDown);
    expect(await ask(authenticator, key)).toMatchObject({ kind: 'failed', reason: 'provider-unavailable' });
    expect(problems.length).toBeGreaterThan(0);
  });

  it.each([
    [500, '{}'],
    [302, ''],
    [200, 'not json'],
    [200, '{"keys":7}'],
    [200, `{"keys":[],"pad":"${'x'.repeat(1024 * 1024)}"}`],
  ])('answers provider-unavailable when the address answers %i %.12s, and recovers', async (status, body) => {
    const key = await makeKey('k1');
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([key]), it => it.close());
    const authenticator = await open({ url: server.url });
    server.respond(status, body);
    const refusal = await ask(authenticator, key);
    expect(refusal).toMatchObject({ kind: 'failed', reason: 'provider-unavailable', claimed: 'alice@example.com' });
    expect(problems[0]).toContain(server.url);
    server.publish([key]);
    expect(await ask(authenticator, key)).toMatchObject({ reason: 'provider-unavailable' });
    clock.advance(remoteKeyTimes.coolDown);
    expect((await ask(authenticator, key)).kind).toBe('principal');
  });

  it('refuses a token without key name when several keys fit, and takes it when one does', async () => {
    const [first, second] = [await makeKey(undefined), await makeKey(undefined)];
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await startKeyServer([first, second]), it => it.close());
    expect(await ask(await open({ url: server.url }), first)).toMatchObject({ kind: 'failed', reason: 'bad-token' });
    server.publish([first]);
    expect((await ask(await open({ url: server.url }), first)).kind).toBe('principal');
  });

  it('verifies with the keys of the issuer that the token names, never with those of another', async () => {
    const [ours, theirs] = [await makeKey('k1'), await makeKey('k1')];
    await using stack = new AsyncDisposableStack();
    const ourServer = stack.adopt(await startKeyServer([ours]), it => it.close());
    const theirServer = stack.adopt(await startKeyServer([theirs]), it => it.close());
    const authenticator = await createJwtAuthenticator({
      issuers: [
        issuerSettings({ url: ourServer.url }),
        issuerSettings({ url: theirServer.url }, { issuer: 'https://other.example' }),
      ],
      clock,
      onProblem: () => undefined,
    });
    const withToken = (token: string) =>
      authenticator.authenticate({ peer: peerWith(undefined), authorization: `Bearer ${token}` });
    expect((await withToken(await sign(theirs, { iss: 'https://other.example' }))).kind).toBe('principal');
    expect((await withToken(await sign(theirs))).kind).toBe('failed');
  });
});

describe('keys from a file', () => {
  const publish = async (path: string, text: string) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  const setOf = (...keys: readonly SigningKey[]) => JSON.stringify({ keys: keys.map(key => key.publicJwk) });

  it('are read again when the file changes, and withdrawn keys stop counting', async () => {
    const [old, next] = [await makeKey('old'), await makeKey('next')];
    const file = join(directory, 'keys.json');
    await publish(file, setOf(old));
    const authenticator = await open({ file });
    const token = await sign(old);
    const again = () => authenticator.authenticate({ peer: peerWith(undefined), authorization: `Bearer ${token}` });
    expect((await again()).kind).toBe('principal');
    await publish(file, setOf(next));
    expect((await ask(authenticator, next)).kind).toBe('principal');
    clock.advance(1_000);
    expect(await again()).toMatchObject({ kind: 'failed', reason: 'bad-token' });
  });

  it('stay in use when the file breaks or goes missing, and the operator is told once', async () => {
    const key = await makeKey('k1');
    const file = join(directory, 'keys.json');
    await publish(file, setOf(key));
    const authenticator = await open({ file });
    await publish(file, '{"keys":');
    for (let round = 0; round < 3; round += 1) {
      clock.advance(1_000);
      expect((await ask(authenticator, key)).kind).toBe('principal');
    }
    expect(problems).toHaveLength(1);
    await rm(file);
    clock.advance(1_000);
    expect((await ask(authenticator, key)).kind).toBe('principal');
    expect(problems[1]).toContain('no such file');
  });

  it('must be readable at the start', async () => {
    await expect(open({ file: join(directory, 'absent.json') })).rejects.toMatchObject({ code: 'bad-config' });
    await writeFile(join(directory, 'broken.json'), '{');
    await expect(open({ file: join(directory, 'broken.json') })).rejects.toMatchObject({ code: 'bad-config' });
  });
});
