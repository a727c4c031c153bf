import { describe, expect, test } from 'vitest';
import { GateError, type GateErrorCode, gateErrorCodes } from '../../../src/core/gate-error.ts';
import { toProblem } from '../../../src/http/problem.ts';

describe('toProblem', () => {
  test.each(Object.keys(gateErrorCodes) as GateErrorCode[])('gives %s an HTTP status of its class', code => {
    const { status, title, detail, instance } = toProblem(new GateError(code, 'words'), '/x');
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).not.toBe('');
    expect([detail, instance]).toEqual(['words', '/x']);
  });

  test('says nothing about what is not meant for callers', () => {
    const problem = toProblem(new Error('connect ECONNREFUSED 10.0.0.1:5432'), '/x');
    expect(problem).toMatchObject({ status: 500, code: 'internal' });
    expect(JSON.stringify(problem)).not.toContain('10.0.0.1');
  });

  test('keeps the status of an error that fastify blames on the client, and of no other', () => {
    expect(toProblem(Object.assign(new Error('bad JSON'), { statusCode: 400 }), '/x')).toMatchObject({
      status: 400,
      code: 'bad-request',
      detail: 'bad JSON',
    });
    expect(toProblem(Object.assign(new Error('secret'), { statusCode: 502 }), '/x')).toMatchObject({
      status: 500,
      code: 'internal',
    });
    expect(toProblem('thrown text', '/x')).toMatchObject({ status: 500, code: 'internal' });
  });
});
