import { expect, test } from 'vitest';
import { readAppendFailure } from '../../../src/audit/append.ts';
import { DatabaseError } from '../../../src/db/database-error.ts';

const refused = (sqlState: string, message = 'x'): DatabaseError => new DatabaseError('refused', message, { sqlState });

test.each<[string, unknown, string]>([
  ['a lost connection', new DatabaseError('lost', 'x'), 'ambiguous'],
  ['something unheard of', new Error('x'), 'ambiguous'],
  ['no connection', new DatabaseError('unreachable', 'x'), 'unsent'],
  ['a lock that was not free', refused('55P03'), 'later'],
  ['a full disk', refused('53100'), 'later'],
  ['a server that starts up', refused('57P03'), 'later'],
  ['a standby', refused('25006'), 'later'],
  ['a missing right', refused('42501'), 'later'],
  ['a missing partition', refused('23514', 'no partition of relation "audit_entry" found for row'), 'later'],
  ['a leaf that does not fit', refused('23514', 'violates check constraint'), 'unfit'],
  ['a number out of range', refused('22003'), 'unfit'],
  ['an approval that is used', refused('TG001'), 'claim-refused'],
  ['a counter that stands elsewhere', refused('TG010'), 'boot-over'],
  ['a call that has ended', refused('TG011'), 'ended'],
  ['a boot that is lost', refused('TG012'), 'boot-over'],
])('readAppendFailure takes %s for what it is', (_, thrown, failure) => {
  expect(readAppendFailure(thrown)).toBe(failure);
});
