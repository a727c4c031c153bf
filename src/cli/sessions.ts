import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { makeAuditorKey } from '../sessions/keys.ts';
import { PlainText } from '../sessions/plain-text.ts';
import { AsciicastWriter } from './asciicast.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText, table } from './output.ts';
import { openRecording, type RecordingItem, type SessionBody } from './recording-stream.ts';
import { playRecording } from './session-player.ts';

interface OpenOptions extends ClientOptions {
  readonly auditorKey?: string;
}

/** `talosgate sessions …`: recorded debug sessions, for those who look on and those who look back. */
export function sessionCommands(parent: Command, context: CliContext): void {
  const { output, env, clock } = context;
  const sessions = parent.command('sessions').description('recorded debug sessions: list, replay, look on, end');
  const openable = (name: string, text: string): Command =>
    withClientOptions(sessions.command(name).description(text)).option(
      '--auditor-key <file>',
      'your private key, where only auditors can open recordings',
    );

  withClientOptions(sessions.command('list').description('newest first'))
    .option('--user <name>', 'who was on the terminal')
    .option('--node <name>', 'on which node')
    .option('--running', 'only those that run now')
    .option('--limit <n>', 'how many', '50')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: ClientOptions & ListOptions & { output: string }) => {
      const found = await list(options, env);
      if (options.output === 'json') for (const session of found) output.out(JSON.stringify(session));
      else for (const line of table(columns, found.map(row))) output.out(line);
    });
  withClientOptions(sessions.command('show <id>').description('one session: who, where, how it ended'))
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (id: string, options: ClientOptions & { output: string }) => {
      const path = `/api/v1/sessions/${encodeURIComponent(id)}`;
      const session = (await callApi(clientSettings(options, env), 'GET', path)) as SessionBody;
      if (options.output === 'json') output.out(JSON.stringify(session, undefined, 2));
      else
        for (const line of table(
          ['', ''],
          Object.entries(session).map(([name, value]) => [name, String(value)]),
        ).slice(1))
          output.out(line);
    });
  openable('play <id>', 'replay a session in this terminal')
    .option('--speed <n>', 'how many times faster than it was', '1')
    .option('--idle-limit <seconds>', 'longest pause')
    .option('--text', 'print the text of the output instead')
    .action(async (id: string, options: OpenOptions & { speed: string; idleLimit?: string; text?: boolean }) => {
      const speed = positive('--speed', options.speed);
      const idleLimit = options.idleLimit === undefined ? undefined : positive('--idle-limit', options.idleLimit);
      await untilLeft(async signal => {
        const items = openRecording(clientSettings(options, env), id, {
          watch: false,
          auditorKey: options.auditorKey,
          signal,
        });
        if (options.text === true) {
          await eachLine(items, line => output.out(safeText(line)));
          return;
        }
        output.out(safeText(await playRecording(items, { canvas: canvas(), clock, signal, speed, idleLimit })));
      });
    });
  openable('watch <id>', 'look on while a session runs; the log keeps that you did').action(
    async (id: string, options: OpenOptions) => {
      await untilLeft(async signal => {
        const items = openRecording(clientSettings(options, env), id, {
          watch: true,
          auditorKey: options.auditorKey,
          signal,
        });
        const how = { canvas: canvas(), clock, signal, speed: undefined, idleLimit: undefined };
        output.out(safeText(await playRecording(items, how)));
      });
    },
  );
  openable('export <id>', 'write a session as asciicast v2')
    .requiredOption(
      '-f, --file <file>',
      'where to; must not exist. Play it only in a terminal that you could do without',
    )
    .action(async (id: string, options: OpenOptions & { file: string }) => {
      await untilLeft(async signal => {
        const items = openRecording(clientSettings(options, env), id, {
          watch: false,
          auditorKey: options.auditorKey,
          signal,
        });
        output.out(safeText(`${options.file}: ${await exportTo(options.file, items)}`));
      });
    });
  openable('search <text>', 'look for text in the output of sessions, newest first')
    .option('--user <name>', 'who was on the terminal')
    .option('--node <name>', 'on which node')
    .option('--session <id>', 'only in this one')
    .option('--limit <n>', 'in how many sessions', '50')
    .action(async (text: string, options: OpenOptions & ListOptions & { session?: string }) => {
      await untilLeft(async signal => {
        const settings = clientSettings(options, env);
        const ids = options.session === undefined ? (await list(options, env)).map(({ id }) => id) : [options.session];
        let found = 0;
        for (const id of ids) {
          const items = openRecording(settings, id, { watch: false, auditorKey: options.auditorKey, signal });
          await eachLine(items, (line, at) => {
            if (!line.toLowerCase().includes(text.toLowerCase())) return;
            found += 1;
            output.out(safeText(`${id}  ${clockTime(at)}  ${line.slice(0, 400)}`));
          });
        }
        if (found === 0) process.exitCode = 1;
      });
    });
  withClientOptions(sessions.command('kill <id>').description('end a running session, on whichever replica it runs'))
    .option('-m, --reason <text>', 'why; the user and the audit log see it', '')
    .action(async (id: string, options: ClientOptions & { reason: string }) => {
      const path = `/api/v1/sessions/${encodeURIComponent(id)}/kill`;
      const session = (await callApi(clientSettings(options, env), 'POST', path, {
        reason: options.reason,
      })) as SessionBody;
      output.out(safeText(`${session.user} on ${session.node}: the session ends within two seconds`));
    });
  sessions
    .command('keygen <file>')
    .description('make a pair of keys for an auditor: FILE is theirs alone, FILE.pub goes to sessions.auditors')
    .action(async (file: string) => {
      const { privateKey, publicKey } = makeAuditorKey();
      try {
        await writeFile(file, privateKey, { mode: 0o600, flag: 'wx' });
        await writeFile(`${file}.pub`, publicKey, { flag: 'wx' });
      } catch (cause) {
        throw new GateError('bad-request', cause instanceof Error ? cause.message : String(cause), { cause });
      }
      output.out(`wrote ${file} and ${file}.pub`);
    });
}

interface ListOptions {
  readonly user?: string;
  readonly node?: string;
  readonly running?: boolean;
  readonly limit: string;
}

async function list(options: ClientOptions & ListOptions, env: NodeJS.ProcessEnv): Promise<readonly SessionBody[]> {
  const query = new URLSearchParams({ limit: options.limit });
  if (options.user !== undefined) query.set('user', options.user);
  if (options.node !== undefined) query.set('node', options.node);
  if (options.running === true) query.set('running', 'true');
  const answer = await callApi(clientSettings(options, env), 'GET', `/api/v1/sessions?${query.toString()}`);
  return (answer as { sessions: SessionBody[] }).sessions;
}

const columns = ['ID', 'STATE', 'USER', 'NODE', 'RESOURCE', 'STARTED', 'ENDED', 'CAUSE', 'EXIT', 'APPROVAL'];

function row(session: SessionBody): string[] {
  const { id, state, user, node, resource, started, ended, cause, exitCode, approval } = session;
  const left = [id, state, user, node, resource, started];
  return [...left, ended ?? '-', cause ?? '-', exitCode === undefined ? '-' : String(exitCode), approval ?? '-'];
}

/** Gives every line of the output, and when it was complete, in microseconds since the start. */
async function eachLine(items: AsyncIterable<RecordingItem>, take: (line: string, at: number) => void): Promise<void> {
  const text = new PlainText();
  let last = 0;
  for await (const item of items) {
    if (item.kind !== 'event' || item.event.kind !== 'output') continue;
    last = item.event.at;
    for (const line of text.add(item.event.data)) take(line, last);
  }
  if (text.rest !== '') take(text.rest, last);
}

async function exportTo(file: string, items: AsyncIterable<RecordingItem>): Promise<string> {
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  await once(target, 'open').catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GateError('bad-request', `${file} cannot be written: ${why}`, { cause });
  });
  let writer: AsciicastWriter | undefined;
  let events = 0;
  const put = async (lines: readonly string[]): Promise<void> => {
    events += lines.length;
    if (lines.length > 0 && !target.write(`${lines.join('\n')}\n`)) await once(target, 'drain');
  };
  try {
    for await (const item of items) {
      if (item.kind === 'session') writer = new AsciicastWriter(item.session);
      else if (item.kind === 'event') await put(writer?.add(item.event) ?? []);
    }
    await put(writer?.end() ?? []);
  } finally {
    target.end();
    await once(target, 'close');
  }
  return `${Math.max(0, events - 1)} events`;
}

function canvas(): { columns: number; rows: number; write(text: string): void } {
  if (!process.stdout.isTTY) {
    throw new GateError(
      'bad-request',
      'this needs a terminal; for a file use: talosgate sessions play ID --text, or export',
    );
  }
  return {
    get columns() {
      return process.stdout.columns;
    },
    get rows() {
      return process.stdout.rows;
    },
    write: text => void process.stdout.write(text),
  };
}

/** Runs something until it is done or Ctrl-C. */
async function untilLeft(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const leave = (): void => stop.abort();
  process.once('SIGINT', leave);
  try {
    await work(stop.signal);
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
  } finally {
    process.removeListener('SIGINT', leave);
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new GateError('bad-request', `${name}: write a number above 0`);
}

function clockTime(us: number): string {
  return new Date(us / 1000).toISOString().slice(11, 23);
}
