import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvBreak, csvHeader, toCsvLine } from '../../../src/export/formats/csv.ts';
import { intent, leafOf, lineOf, outcome } from '../../support/lines.ts';

describe('toCsvLine', () => {
  test('the columns are these, for ever', () => {
    expect(csvHeader).toBe(
      'idx,leaf,late,logged,time,kind,principal,principal_kind,groups,peer_address,peer_port,user_agent,method,action,' +
        'risk,resource,cluster,node,asked,decision,reason,rule,policy_revision,approval,call,leg,session,grpc_code,' +
        'grpc_message,end_cause,request_bytes,request_messages,response_bytes,response_messages,duration_us,' +
        'request_digest,request,details,proofs,boot,boot_sequence,more',
    );
  });

  test('every member of a record is found again by a reader of RFC 4180', () => {
    const [header = [], row = []] = parse(`${csvHeader}${csvBreak}${toCsvLine(lineOf(intent))}${csvBreak}`);
    const cells = Object.fromEntries(header.map((name, i) => [name, row[i]]));
    expect(row).toHaveLength(header.length);
    expect(cells).toMatchObject({
      idx: '7',
      principal: intent.principal,
      groups: JSON.stringify(intent.groups),
      request: '{"follow":true,"id":"kubelet"}',
      node: 'worker-1',
      more: '{"mono":"5007","v":"1"}',
    });
  });

  test('what a spreadsheet would run stands behind an apostrophe', () => {
    const starts = ['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\uff1d1', '-'];
    const shown = starts.map(userAgent => {
      const [row = []] = parse(`${toCsvLine(lineOf({ ...outcome, userAgent }))}${csvBreak}`);
      return row[csvHeader.split(',').indexOf('user_agent')];
    });
    expect(shown).toEqual(["'=1+1", "'+1", "'-1", "'@SUM(A1)", "' =1", "'\uff1d1", '-']);
  });

  test('no text breaks out of its cell', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('"",,\r\n=+; a\u00e4\u2028')) }), userAgent => {
        const line = lineOf({ ...outcome, userAgent });
        const rows = parse(`${toCsvLine(line)}${csvBreak}`);
        expect(rows).toHaveLength(1);
        expect(rows[0]).toHaveLength(csvHeader.split(',').length);
        expect(rows[0]?.[1]).toBe(leafOf(line.body));
      }),
    );
  });
});

/** RFC 4180 section 2, to the letter: every line ends in CRLF, a quoted cell may hold anything, a quote in it is doubled. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    const match = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
    match.lastIndex = at;
    const found = match.exec(text);
    if (found === null) throw new Error(`not CSV at ${at}: ${text.slice(at, at + 40)}`);
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (found[3] === '\r\n') {
      rows.push(row);
      row = [];
    }
    at = match.lastIndex;
  }
  expect(row).toEqual([]);
  return rows;
}
