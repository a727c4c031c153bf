import { describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/gate-error.ts';
import { meansDead, SilenceWatch, silenceTimes } from '../../../src/upstream/silence.ts';

const { suspect, pause } = silenceTimes;

describe('SilenceWatch', () => {
  it('suspects a connection on which something was sent and nothing followed', () => {
    const watch = new SilenceWatch();
    expect(watch.suspects({ received: 0, sent: 10 }, 0)).toBe(false);
    expect(watch.suspects({ received: 0, sent: 10 }, suspect - 1)).toBe(false);
    expect(watch.suspects({ received: 0, sent: 10 }, suspect)).toBe(true);
  });

  it('does not suspect one that only waits, however long', () => {
    const watch = new SilenceWatch();
    watch.suspects({ received: 5, sent: 10 }, 0);
    watch.suspects({ received: 6, sent: 10 }, 1);
    expect(watch.suspects({ received: 6, sent: 10 }, 1e9)).toBe(false);
  });

  it('forgets its suspicion when anything arrives', () => {
    const watch = new SilenceWatch();
    watch.suspects({ received: 0, sent: 10 }, 0);
    watch.suspects({ received: 1, sent: 10 }, suspect - 1);
    expect(watch.suspects({ received: 1, sent: 10 }, 10 * suspect)).toBe(false);
  });

  it('keeps it when something was sent as well, for that may be what is unanswered', () => {
    const watch = new SilenceWatch();
    watch.suspects({ received: 1, sent: 10 }, 0);
    expect(watch.suspects({ received: 1, sent: 10 }, suspect)).toBe(true);
  });

  it('counts from the first unanswered bytes, not the last', () => {
    const watch = new SilenceWatch();
    for (let now = 0; now < suspect; now += 100) watch.suspects({ received: 0, sent: 10 + now }, now);
    expect(watch.suspects({ received: 0, sent: 10_000 }, suspect)).toBe(true);
  });

  it('asks for one attempt only, and for another one after more was sent and a pause', () => {
    const watch = new SilenceWatch();
    watch.suspects({ received: 0, sent: 10 }, 0);
    expect(watch.suspects({ received: 0, sent: 10 }, suspect)).toBe(true);
    expect(watch.suspects({ received: 0, sent: 10 }, suspect + 2 * pause)).toBe(false);
    const again = new SilenceWatch();
    again.suspects({ received: 0, sent: 10 }, 0);
    again.suspects({ received: 0, sent: 10 }, suspect);
    again.suspects({ received: 0, sent: 20 }, suspect + 1);
    expect(again.suspects({ received: 0, sent: 20 }, suspect + pause - 1)).toBe(false);
    expect(again.suspects({ received: 0, sent: 20 }, suspect + pause)).toBe(true);
  });
});

describe('meansDead', () => {
  const failed = (code: string): GateError =>
    new GateError('upstream-unavailable', 'x', { cause: Object.assign(new Error('x'), { code }) });

  it('holds for silence and unreachable hosts, not for refusals and certificates', () => {
    expect(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'].map(code => meansDead(failed(code)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['ECONNREFUSED', 'ECONNRESET', 'ERR_TLS_CERT_ALTNAME_INVALID'].map(code => meansDead(failed(code)))).toEqual(
      [false, false, false],
    );
    expect(meansDead(new Error('x'))).toBe(false);
  });
});
