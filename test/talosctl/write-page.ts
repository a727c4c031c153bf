// Writes docs/compatibility.md from what the last run of the suite left behind: node test/talosctl/write-page.ts
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/cli/context.ts';
import { type Outcome, outcomesFolder } from './support/report.ts';

const outcomes = await readOutcomes();
await writeFile(join(packageRoot, 'docs/compatibility.md'), page(outcomes));

async function readOutcomes(): Promise<Outcome[]> {
  const files = (await readdir(outcomesFolder)).filter(name => name.endsWith('.json')).toSorted();
  const texts = await Promise.all(files.map(name => readFile(join(outcomesFolder, name), 'utf8')));
  return texts.flatMap(text => JSON.parse(text) as Outcome[]);
}

function page(all: readonly Outcome[]): string {
  const versions = [...new Set(all.map(({ version }) => version))].toSorted();
  const commands = [...new Set(all.map(({ command }) => command))].toSorted();
  const rows = commands.map(command => [
    `\`${command}\``,
    ...versions.map(version => cell(all.filter(one => one.command === command && one.version === version))),
  ]);
  const differing = [...new Set(all.flatMap(one => reasons(one).map(reason => `| ${reason} | \`${one.id}\` |`)))];
  const unmet = [
    ...new Set(all.flatMap(one => (one.simulator === undefined ? [] : [`| \`${one.id}\` | ${one.simulator} |`]))),
  ];
  const noted = [...new Set(all.flatMap(one => (one.note === undefined ? [] : [`| \`${one.id}\` | ${one.note} |`])))];
  return `# Compatibility with talosctl

Every command that talks to a node, run by a stock talosctl once directly against simulated nodes and once through the
gateway, by somebody with the rights for it. Compared are stdout, stderr, exit code and written files, byte for byte;
what has to differ is masked, by the table in \`test/talosctl/support/masks.ts\` with a reason each.

Written by \`node test/talosctl/write-page.ts\` from a run of \`TALOSCTL=…:… npx vitest run --project talosctl\`, never by
hand.

- **same**: nothing differs. The number says in how many variants: of flags, one node, several, one of three off, an
  unknown one, a JWT instead of a certificate.
- **same but**: nothing differs but what is explained below.
- **\***: the simulated nodes take part of it no further than said below, on either side.
- **differs**: a mistake that is not yet mended.

| command | ${versions.join(' | ')} |
| --- | ${versions.map(() => '---').join(' | ')} |
${rows.map(row => `| ${row.join(' | ')} |`).join('\n')}

\`debug\` and \`dashboard\` have tests of their own, in a terminal: \`test/talosctl/debug.test.ts\` (asked, refused,
cancelled, denied, approved; once granted, the session is the same as on the node) and \`dashboard.test.ts\` (both pages
draw the same). What people without rights are told is in \`refusals.test.ts\`.

## Differences that are meant

| what | first seen with |
| --- | --- |
${firstOfEach(differing).join('\n')}

## What the simulated nodes do not do

On either side alike, so it says nothing about the gateway; here the run shows less than it would on a real node.

| case | what is missing |
| --- | --- |
${[...unmet, ...noted].join('\n')}

## What cannot work through a gateway

| command | why |
| --- | --- |
| anything with \`--insecure\` | talks to a node in maintenance mode, which knows no certificates |
| \`rotate-ca\` without dry run | dials the same endpoint with a CA and a certificate that it has just made itself |
| \`reset --reboot\` | its last look at the node goes to the node's own address; when that fails it goes on without |
| \`kubeconfig\`, \`upgrade-k8s\`, \`conformance\`, drain | what follows goes to the Kubernetes API, which is not behind this gateway |
| \`config new\` | makes a certificate of the Talos CA, which works against a node and not at the gateway |
`;
}

function cell(cases: readonly Outcome[]): string {
  if (cases.length === 0) return '–';
  const mistakes = cases.filter(one => one.differences.some(({ allowed }) => allowed === undefined));
  if (mistakes.length > 0) return `differs: ${mistakes.map(({ id }) => `\`${id}\``).join(', ')}`;
  const explained = cases.filter(one => one.differences.length > 0).length;
  const less = cases.some(({ note, simulator }) => note !== undefined || simulator !== undefined);
  return `${explained === 0 ? 'same' : `same but ${explained}`} (${cases.length})${less ? ' *' : ''}`;
}

function reasons({ differences }: Outcome): string[] {
  return differences.flatMap(({ allowed }) => (allowed === undefined ? [] : [allowed]));
}

/** Rows that start with the same reason, only the first of them. */
function firstOfEach(rows: readonly string[]): string[] {
  const seen = new Set<string>();
  return rows.filter(row => {
    const reason = row.split(' | ')[0] ?? '';
    if (seen.has(reason)) return false;
    seen.add(reason);
    return true;
  });
}
