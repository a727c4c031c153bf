import { describe, expect, test } from 'vitest';
import { checkModel, supportedModel } from '../../../src/policy/model.ts';

describe('checkModel', () => {
  test('comments, blank lines and spacing make no difference', () => {
    expect(checkModel(`# head\n\n${supportedModel.replaceAll(' = ', '=')}`, 'm')).toEqual([]);
  });

  test('any other meaning is refused, with the line', () => {
    const opened = supportedModel.replace('r.want == p.effect && ', '');
    expect(checkModel(opened, 'm')).toMatchObject([{ file: 'm', line: 11 }]);
    expect(checkModel(`${supportedModel}e2 = some(where (p.eft == allow))\n`, 'm')).toHaveLength(1);
    expect(checkModel('', 'm')).toHaveLength(1);
  });
});
