import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeCommentedYaml } from '../../../src/config/commented-yaml.ts';
import { explainShape } from '../../../src/config/explain.ts';
import { publishedSchema } from '../../../src/config/json-schema.ts';
import { writeReference } from '../../../src/config/reference.ts';
import { configSchema, type SchemaNode } from '../../../src/config/schema.ts';

/** Every key that the schema has, at any depth. */
function keysOf(schema: SchemaNode): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
  return [...own, ...(schema.items === undefined ? [] : keysOf(schema.items))];
}

describe('publishedSchema', () => {
  // After a change of settings: npx vitest run --project unit test/unit/config -u
  it('is what docs/config.schema.json holds', async () => {
    await expect(`${JSON.stringify(publishedSchema(), undefined, 2)}\n`).toMatchFileSnapshot(
      '../../../docs/config.schema.json',
    );
  });

  it('requires no key that has a default, and carries no keyword of ours', () => {
    const text = JSON.stringify(publishedSchema());
    expect(text).not.toContain('"x-');
    expect(publishedSchema()['required']).toEqual(['listen', 'identity', 'clusters', 'database', 'audit']);
  });
});

describe('writeReference', () => {
  it('is what docs/configuration.md holds between its marks', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const marks = /(<!-- keys: [^\n]* -->\n)[^]*(<!-- end of keys -->)/;
    expect(page).toMatch(marks);
    const current = page.replace(marks, (_, start: string, end: string) => `${start}\n${writeReference()}\n\n${end}`);
    await expect(current).toMatchFileSnapshot('../../../docs/configuration.md');
  });

  it('explains every key', () => {
    const rows = writeReference().split('\n').slice(2);
    expect(rows.filter(row => /\|\s*\|$/.test(row))).toEqual([]);
  });
});

describe('writeCommentedYaml', () => {
  const values = {
    listen: { grpc: { tls: { certificate: 'a', key: 'b' } }, http: { insecure: true } },
    identity: {
      mtls: { subject: [{ from: 'uri' }] },
      jwt: [{ issuer: 'i', audience: ['a'], keys: { file: 'f' } }],
    },
    clusters: [
      {
        name: 'main',
        talos_ca: 'c',
        client_certificate: 'd',
        client_key: 'e',
        nodes: [
          { name: 'n1', addresses: ['fd00::1'] },
          { name: 'n2', labels: { role: 'worker' } },
        ],
      },
    ],
    database: { url: { env: 'U' }, reader_url: { file: 'r' } },
    audit: { digest_key: { env: 'K' } },
  };

  it('writes what was asked for, and nothing else that counts', () => {
    const written: unknown = parse(writeCommentedYaml(values));
    expect(written).toEqual({
      ...values,
      policy: null,
      approvals: { emergency: null },
      sessions: null,
      notifications: null,
      export: null,
      log: null,
      limits: null,
    });
  });

  it('shows every key, commented out where it has no value', () => {
    const text = writeCommentedYaml(values);
    for (const key of keysOf(configSchema)) expect(text).toContain(`${key}:`);
  });

  it('keeps comment lines short', () => {
    const lines = writeCommentedYaml(values).split('\n');
    expect(lines.filter(line => line.trim().startsWith('# ') && line.length > 125)).toEqual([]);
  });
});

describe('explainShape', () => {
  it('does not change how others of this process see their errors', async () => {
    const { Settings } = await import('typebox/system');
    const before = Settings.Get().maxErrors;
    explainShape({});
    expect(Settings.Get().maxErrors).toBe(before);
  });
});
