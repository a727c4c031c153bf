import { describe, expect, test } from 'vitest';
import { parse } from './support.ts';

const problem = (...lines: string[]) => {
  const [first] = parse(...lines).problems;
  return first === undefined ? undefined : `${first.file}:${first.line}:${first.column}: ${first.message}`;
};
const ruleWith = (changes: Partial<Record<'s' | 'c' | 'n' | 'a' | 'r' | 'e', string>>) => {
  const { s = 'user:a', c = '*', n = '*', a = 'logs.read', r = 'logs/**', e = 'allow' } = changes;
  return `p, ${s}, ${c}, ${n}, ${a}, ${r}, ${e}`;
};

describe('parseRuleLine', () => {
  test('reads rules and links and where they stand', () => {
    const set = parse(
      '# people',
      'g, user:a, role:r',
      'p, role:r, prod, role=w;zone=a, class:read, logs/**, approve # why',
    );
    expect(set.problems).toEqual([]);
    expect(set.links).toMatchObject([{ subject: 'user:a', role: 'role:r', ref: { file: 'p/x.csv', line: 2 } }]);
    expect(set.rules).toMatchObject([
      {
        order: 0,
        subject: 'role:r',
        cluster: { text: 'prod' },
        selector: { kind: 'labels', text: 'role=w;zone=a' },
        action: 'class:read',
        resource: { text: 'logs/**' },
        effect: 'approve',
        comment: 'why',
        ref: { line: 3, text: 'p, role:r, prod, role=w;zone=a, class:read, logs/**, approve' },
      },
    ]);
  });

  test('takes labels joined by commas when quoted, in any order', () => {
    expect(parse(ruleWith({ n: '"zone=a, role=w"' })).rules[0]?.selector.text).toBe('role=w;zone=a');
  });

  test('compares the type of a COSI resource in lower case, and escapes in capitals', () => {
    const text = parse(ruleWith({ a: 'resource.get', r: 'resource/MachineConfigs.config.talos.dev/Config/a%2fB' }))
      .rules[0]?.resource.text;
    expect(text).toBe('resource/machineconfigs.config.talos.dev/Config/a%2FB');
  });

  test.each([
    [{ s: 'alice' }, 'p/x.csv:1:4: "alice" is not a subject'],
    [{ s: 'user:*' }, 'wildcard'],
    [{ c: 'a/b' }, 'p/x.csv:1:12: cluster "a/b" holds "/"'],
    [{ c: 'Prod' }, 'lower case'],
    [{ n: 'role=w;role=x' }, 'given twice'],
    [{ n: '=w' }, 'is not a label'],
    [{ n: 'n**' }, '"**"'],
    [{ a: 'logs.reed' }, 'p/x.csv:1:18: unknown action "logs.reed"; "logs" has logs.dmesg, logs.read'],
    [{ a: 'logs.*' }, 'area:logs'],
    [{ a: 'class:reed' }, 'unknown risk class "reed"; there are read, write'],
    [{ a: 'area:lugs' }, 'unknown area "lugs"; there are approvals, audit'],
    [{ r: '/etc/hosts' }, 'write file/etc/hosts'],
    [{ r: 'logs/a**' }, 'not a whole segment'],
    [{ r: 'logs/[ab]' }, '"["'],
    [{ r: 'logs/a?' }, 'write it as %3F'],
    [{ r: 'logs/100%' }, 'lone "%"'],
    [{ r: 'logs/%61' }, 'write "a"'],
    [{ r: '' }, 'empty resource'],
    [{ e: 'permit' }, 'p/x.csv:1:38: "permit" is not an effect; write allow, approve or deny'],
  ])('refuses %j and says where and what to do', (changes, message) => {
    expect(problem(ruleWith(changes))).toContain(message);
    expect(parse(ruleWith(changes)).rules).toEqual([]);
  });

  test.each([
    ['q, user:a, role:r', 'a line starts with p (a rule) or g (a link), not "q"'],
    ['p, user:a, *, *, logs.read, logs/**', '5 fields after p, expected 6'],
    ['p, user:a, *, role=w,zone=a, logs.read, logs/**, allow', 'quote a field that holds a comma'],
    ['g, user:a, viewer', 'is not a subject'],
    ['g, user:a, group:x', 'leads to a role'],
    ['g, user:a\u0000, role:r', 'p/x.csv:1:10: a control character'],
  ])('refuses the line %j', (line, message) => {
    expect(problem(line)).toContain(message);
  });

  test('refuses a wildcard below file/ unless the line says unsafe-prefix', () => {
    const line = (r: string) => ruleWith({ a: 'file.read', r });
    for (const r of ['file/etc/*', 'file/**', '*/etc/*', '**/passwd', 'f*/**']) {
      expect(problem(line(r))).toContain('# unsafe-prefix');
      expect(problem(`${line(r)} # unsafe-prefix: read-only image`)).toBeUndefined();
    }
    for (const r of ['file/etc/hosts', '**', 'logs/**', '*']) expect(problem(line(r))).toBeUndefined();
  });

  test('refuses a rule or link that says the same as an earlier one, however it is spelled', () => {
    expect(problem(ruleWith({ n: 'a=1;b=2' }), ruleWith({ n: '"b=2,a=1"' }))).toBe(
      'p/x.csv:2:1: says the same as p/x.csv:1; delete one of them',
    );
    expect(problem('g, user:a, role:r', 'g,user:a,role:r')).toContain('says the same');
    expect(problem(ruleWith({}), ruleWith({ e: 'deny' }))).toBeUndefined();
  });
});
