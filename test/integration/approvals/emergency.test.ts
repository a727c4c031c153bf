import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEmergencyDesk, type EmergencySettings, whyNotAlone } from '../../../src/approvals/emergency.ts';
import { createReviewDesk } from '../../../src/approvals/reviews.ts';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { provenAt } from '../../../src/core/authentication.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { type Bench, claim, newApproval, openBench } from './support.ts';

let bench: Bench;
const records: AuditRecord[] = [];
const record = (one: AuditRecord): Promise<void> => {
  records.push(one);
  return Promise.resolve();
};
const settings: EmergencySettings = { enabled: true, fresh: 300_000, blocked_by: 'none' };
const desk = (over: Partial<EmergencySettings> = {}): ReturnType<typeof createEmergencyDesk> =>
  createEmergencyDesk({
    ...{
      database: bench.writer,
      clock: systemClock,
      record,
      settings: { ...settings, ...over },
      claimWindowMs: 60_000,
    },
  });
beforeAll(async () => {
  bench = await openBench({ max_open: 1_000 });
});
afterAll(() => bench.close());

describe('an emergency', () => {
  test('is granted with a review, announced, and closed by somebody else after its use', async () => {
    const approval = await desk().start(newApproval());
    expect(approval).toMatchObject({ state: 'approved', emergency: true, votes: [] });
    const reviews = createReviewDesk({ database: bench.writer, record });
    expect(await reviews.get(approval.id)).toMatchObject({ openedBy: 'bob@example.com', closedBy: undefined });
    const notices = (await bench.store.noticesAfter('', 500)).filter(notice => notice.approval.id === approval.id);
    expect(notices.map(({ kind }) => kind)).toEqual(['requested', 'review-opened', 'approved']);
    expect(await claim(bench.admin, approval)).toBeUndefined();
    await bench.store.end(approval.id, { how: 'ended', why: '' });
    for (const by of ['bob@example.com', 'BOB@example.com', 'machine:bob@example.com']) {
      await expect(reviews.close(approval.id, by, 'fine')).rejects.toThrow('your own emergency');
    }
    await expect(reviews.close(approval.id, 'carol', ' ')).rejects.toThrow('say what you found');
    expect(await reviews.close(approval.id, 'carol', 'fine')).toMatchObject({ closedBy: 'carol', finding: 'fine' });
    await expect(reviews.close(approval.id, 'dave', 'again')).rejects.toThrow('closed already');
    expect(records.filter(one => one.kind === 'review.closed').map(({ details }) => details?.['outcome'])).toEqual([
      ...['accepted', 'refused: own-review', 'accepted', 'refused: own-review', 'accepted', 'refused: own-review'],
      ...['accepted', 'refused: finding-needed', 'accepted', 'accepted', 'refused: closed-already'],
    ]);
  });

  test('cannot be two at a time where one open review blocks, whoever starts them, in parallel', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) =>
        desk({ blocked_by: 'own' }).start(newApproval({ requester: 'erin@example.com', node: `n-${at}` })),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(desk({ blocked_by: 'anyone' }).start(newApproval({ requester: 'frank' }))).rejects.toThrow('is open');
    expect(await desk({ blocked_by: 'own' }).start(newApproval({ requester: 'frank' }))).toMatchObject({
      emergency: true,
    });
  });

  test('gives the same grant again while it is unused', async () => {
    const call = newApproval({ requester: 'grace' });
    const first = await desk().start(call);
    expect((await desk().start(call)).id).toBe(first.id);
  });

  test('cannot be made of a plain request, nor without its review, nor by a machine, not even by the tables’ owner', async () => {
    const { id } = await bench.store.request(newApproval({ requester: 'heidi' }));
    const set = (text: string): Promise<unknown> =>
      bench.admin.query(`UPDATE talosgate.approval SET ${text} WHERE id = $1`, [id]);
    await expect(set('emergency = true')).rejects.toThrow('cannot be changed');
    await expect(set("state = 'approved', expires_at = now()")).rejects.toThrow('has not got the votes');
    await expect(
      bench.admin.query("INSERT INTO talosgate.approval_review VALUES ($1, 'heidi', now())", [id]),
    ).rejects.toThrow('is of an emergency');
    await expect(desk().start(newApproval({ requester: 'machine:ci' }))).rejects.toThrow();
    const close = `UPDATE talosgate.approval_review SET closed_by = opened_by, closed_at = now(), finding = 'x' WHERE closed_at IS NULL`;
    await expect(bench.admin.query(close)).rejects.toThrow('approval_review_by_somebody_else');
    await expect(bench.admin.query('DELETE FROM talosgate.approval_review')).rejects.toThrow('not possible');
    const reopen =
      'UPDATE talosgate.approval_review SET closed_by = NULL, closed_at = NULL, finding = NULL WHERE closed_at IS NOT NULL';
    await expect(bench.admin.query(reopen)).rejects.toThrow('cannot be changed');
  });
});

describe('whyNotAlone', () => {
  const caller = { kind: 'person', provenAt: 1_000_000, allowed: true } as const;

  test('wants the setting, the right, a person and a fresh proof', () => {
    expect(whyNotAlone(settings, caller, 1_300_000)).toBeUndefined();
    expect(whyNotAlone({ ...settings, enabled: false }, caller, 1_000_000)).toContain('not enabled');
    expect(whyNotAlone(settings, { ...caller, allowed: false }, 1_000_000)).toContain('may not');
    expect(whyNotAlone(settings, { ...caller, kind: 'machine' }, 1_000_000)).toContain('may not');
    expect(whyNotAlone(settings, caller, 1_300_001)).toContain('not older than 5 min; log in again');
    expect(whyNotAlone(settings, { ...caller, provenAt: undefined }, 1_000_000)).toContain('log in again');
  });

  test('a proof is as old as the oldest of connection and token', () => {
    const peer = { address: '', port: 0, certificate: undefined, chainVerified: true, chainError: undefined };
    const mtls = { kind: 'mtls', fingerprint: '', serial: '', issuer: '' } as const;
    const jwt = {
      kind: 'jwt',
      issuer: '',
      subject: '',
      audience: [],
      tokenId: '',
      keyId: '',
      algorithm: '',
      fingerprint: '',
    } as const;
    const who = { id: 'bob', kind: 'person', groups: [], validUntil: 0 } as const;
    expect(provenAt({ ...who, proofs: [mtls] }, { ...peer, connectedAt: 7 })).toBe(7);
    expect(provenAt({ ...who, proofs: [mtls] }, peer)).toBeUndefined();
    expect(provenAt({ ...who, proofs: [jwt], tokenSince: 3 }, { ...peer, connectedAt: 7 })).toBe(3);
    expect(provenAt({ ...who, proofs: [mtls, jwt], tokenSince: 9 }, { ...peer, connectedAt: 7 })).toBe(7);
    expect(provenAt({ ...who, proofs: [jwt] }, { ...peer, connectedAt: 7 })).toBeUndefined();
  });
});
