import type { Method } from '../../../src/core/method.ts';
import type { ReplyShape } from './reply-shape.ts';

/** What is done to the call, or to the node. */
export type Scenario = 'allowed' | 'refused by the node' | 'denied' | 'node down' | 'unknown method';

/** One call as the table below sees it. */
export interface CallFacts {
  readonly scenario: Scenario;
  readonly method: Pick<Method, 'path' | 'risk' | 'aggregates'>;
  /** `nodes` was sent. */
  readonly several: boolean;
}

interface AllowedDifference {
  readonly fields: readonly (keyof ReplyShape)[];
  readonly when: (call: CallFacts) => boolean;
  readonly because: string;
}

const merged = (call: CallFacts): boolean => call.several && call.method.aggregates;
const unmergeable = (call: CallFacts): boolean => call.several && !call.method.aggregates;
const debug = (call: CallFacts): boolean => call.method.path === '/machine.DebugService/ContainerRun';
/** The gateway itself gives the status of the call, in its own words. */
const ownStatus = (call: CallFacts): boolean =>
  unmergeable(call) ||
  call.scenario === 'unknown method' ||
  (call.scenario === 'node down' && !merged(call)) ||
  (call.scenario === 'denied' && !(merged(call) && call.method.risk === 'read'));

/** All that may differ between a node and the gateway. Everything else must be the same, byte for byte. */
export const allowedDifferences: readonly AllowedDifference[] = [
  {
    fields: ['contentType', 'headers'],
    when: call => merged(call) || ownStatus(call),
    because:
      'here the head of the reply is the gateway’s own, in the form that grpc-go gives it: application/grpc and nothing ' +
      'else. The simulator’s grpc-js says application/grpc+proto and lists encodings.',
  },
  {
    fields: ['rawMessage'],
    when: call => merged(call) || ownStatus(call),
    because:
      'grpc-js sends "OK" for no message and encodes blanks; the gateway writes its own messages as grpc-go does.',
  },
  {
    fields: ['message'],
    when: merged,
    because:
      'grpc-js sends the message "OK" with the status OK; grpc-go, and the gateway for merged replies, send none.',
  },
  {
    fields: ['message'],
    when: ownStatus,
    because: 'a refusal of the gateway says what it refused, why, and what to do next.',
  },
  {
    fields: ['failureTexts'],
    when: call => merged(call) && (call.scenario === 'denied' || call.scenario === 'node down'),
    because: 'the same inside a merged reply: code and node are the same, the words are the gateway’s.',
  },
  {
    fields: ['statusIn', 'code', 'messages', 'failures', 'failureTexts'],
    when: call => call.scenario === 'denied' && merged(call) && call.method.risk !== 'read',
    because: 'half a change is worse than none: a denial on one node refuses the whole call, before any node is asked.',
  },
  {
    fields: ['statusIn', 'messages'],
    when: call => (call.scenario === 'denied' || call.scenario === 'node down') && debug(call) && !unmergeable(call),
    because:
      'talosctl debug exits with 0 on a bare status in a terminal, so it is sent a last line and exit code 1 first.',
  },
];
