import { describe, expect, it } from 'vitest';
import { isOlder } from '../../../src/core/talos-version.ts';

describe('isOlder', () => {
  const rising = [
    'v1.9.6',
    'v1.10.0-alpha.2',
    'v1.10.0-alpha.10',
    'v1.10.0-beta.0',
    'v1.10.0-rc.1',
    'v1.10.0',
    'v1.13.0-alpha.0',
    '1.13.0',
    'v1.13.9',
    'v2.0.0',
  ];

  it('knows the order of releases and pre-releases', () => {
    rising.forEach((version, at) => {
      rising.forEach((than, other) => {
        expect(isOlder(version, than), `${version} ${than}`).toBe(at < other);
      });
    });
  });

  it.each(['', 'main', 'v1.13', '1.13.0.1', 'v1.13.0 ', 'v-1.0.0'])('takes %j for older than nothing', text => {
    expect(isOlder(text, 'v1.13.0')).toBe(false);
    expect(isOlder('v1.0.0', text)).toBe(false);
  });

  it('lets build marks say nothing', () => {
    expect(isOlder('v1.13.0+extra', 'v1.13.0')).toBe(false);
    expect(isOlder('v1.12.0+extra', 'v1.13.0')).toBe(true);
  });
});
