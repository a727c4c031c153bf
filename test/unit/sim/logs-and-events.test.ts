import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { SequenceEventSchema } from '../../../src/gen/machine/machine_pb.js';
import { EventLog, type EventTail } from '../../../src/sim/event-log.ts';
import { eventId } from '../../../src/sim/ids.ts';
import { LineLog } from '../../../src/sim/line-log.ts';

const none: EventTail = { events: 0, afterId: '', seconds: 0 };

test('LineLog.tail gives the last lines, none for zero, all without a number', () => {
  const log = new LineLog(() => '', 0);
  for (const line of ['a', 'b', 'c']) log.append(line);
  expect([log.tail(2), log.tail(0), log.tail()]).toEqual([['b', 'c'], [], ['a', 'b', 'c']]);
});

test('LineLog forgets the oldest lines beyond its bound', () => {
  const log = new LineLog(() => '', 0, 2);
  for (const line of ['a', 'b', 'c']) log.append(line);
  expect(log.tail()).toEqual(['b', 'c']);
});

test('LineLog.follow starts in the past and goes on with what comes', async () => {
  const log = new LineLog(() => '', 0);
  log.append('a');
  log.append('b');
  const lines = log.follow(1, new AbortController().signal);
  expect((await lines.next()).value).toEqual(['b']);
  const next = lines.next();
  log.append('c');
  expect((await next).value).toEqual(['c']);
  await lines.return();
});

test('LineLog writes lines of its own only while somebody follows', async () => {
  let written = 0;
  const log = new LineLog(() => `line ${(written += 1)}`, 500);
  await new Promise(resolve => setTimeout(resolve, 60));
  expect(written).toBe(0);
  const stop = new AbortController();
  const lines = log.follow(0, stop.signal);
  expect((await lines.next()).value?.[0]).toBe('line 1');
  stop.abort();
  await expect(lines.next().then(() => lines.next())).rejects.toThrow('context canceled');
  const after = written;
  await new Promise(resolve => setTimeout(resolve, 60));
  expect(written).toBe(after);
});

test('EventLog.watch starts where the tail says', async () => {
  const log = new EventLog(systemClock);
  for (const sequence of ['a', 'b', 'c']) log.publish(SequenceEventSchema, { sequence });
  const first = async (tail: EventTail): Promise<string> => {
    const stop = new AbortController();
    const events = log.watch(tail, stop.signal);
    const next = events.next();
    log.publish(SequenceEventSchema, { sequence: 'new' });
    const value = (await next).value;
    return value === undefined ? '' : Buffer.from(value.value).toString();
  };
  expect(await first({ ...none, events: -1 })).toContain('a');
  expect(await first({ ...none, events: 2 })).toContain('c');
  expect(await first(none)).toContain('new');
  expect(await first({ ...none, seconds: 60 })).toContain('a');
});

test('eventId sorts by time and counter and has twenty characters', () => {
  const at = (now: number) => ({ ...systemClock, now: () => now });
  const ids = [eventId(at(1000), 5), eventId(at(1000), 6), eventId(at(2000), 0), eventId(at(2000), 70000)];
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(4);
  expect(ids[0]).toMatch(/^[0-9a-v]{20}$/);
});
