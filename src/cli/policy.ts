import type { Command } from 'commander';
import { createCatalog } from '../catalog/catalog.ts';
import type { PolicyQuestion } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import { createFleet } from '../fleet/fleet.ts';
import { gatewayActions } from '../policy/actions.ts';
import { createPolicyEngine } from '../policy/engine.ts';
import { renderExplanation } from '../policy/explain.ts';
import { lintPolicy } from '../policy/lint.ts';
import { testPolicy } from '../policy/test-policy.ts';
import { type CliContext, packageRoot } from './context.ts';
import { requireConfig } from './load.ts';

interface ExplainOptions {
  readonly as: string;
  readonly group: readonly string[];
  readonly machine: boolean;
  readonly cluster?: string;
  readonly node: string;
  readonly label: readonly string[];
  readonly policies: string;
  readonly config?: string;
}

const policiesOption = ['--policies <folder>', 'policy folder', `${packageRoot}policies`] as const;
const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** `talosgate policy test|lint|explain`: rules on the desk, before and without a running gateway. */
export function policyCommands(parent: Command, context: CliContext): void {
  const { output } = context;
  const policy = parent.command('policy').description('try and explain the rules');
  policy
    .command('test')
    .description('run the cases beside the rules, against the compiled rules and against Casbin')
    .option(...policiesOption)
    .action(async ({ policies }: { policies: string }) => {
      const results = await testPolicy(policies, createCatalog().actions);
      const failed = results.filter(result => !result.ok);
      for (const { file, line, description, message } of failed)
        output.out(`FAIL ${file}:${line} ${description}: ${message}`);
      output.out(`${results.length - failed.length} passed, ${failed.length} failed`);
      if (failed.length > 0 || results.length === 0) process.exitCode = 1;
    });
  policy
    .command('lint')
    .description('say what the authors of the rules probably did not mean')
    .option(...policiesOption)
    .action(async ({ policies }: { policies: string }) => {
      const findings = await lintPolicy(policies, createCatalog().actions);
      for (const { severity, file, line, code, message } of findings)
        output.out(`${file}:${line}: ${severity} ${code}: ${message}`);
      const errors = findings.filter(finding => finding.severity === 'error').length;
      output.out(`${errors} errors, ${findings.length - errors} warnings`);
      if (errors > 0) process.exitCode = 1;
    });
  policy
    .command('explain <action> <resource>')
    .description('what the rules say about one call, by which rule, and how the caller came to the role')
    .requiredOption('--as <principal>', 'who calls')
    .option('--group <name>', 'a group of theirs; may be repeated', collect, [])
    .option('--machine', 'the caller is a machine', false)
    .requiredOption('--node <name>', 'node, as a caller would name it')
    .option('--cluster <name>', 'cluster')
    .option('--label <key=value>', 'label of the node, when no configuration is given; may be repeated', collect, [])
    .option('-c, --config <file>', 'configuration to take node, labels and policy folder from')
    .option(...policiesOption)
    .action(async (action: string, resource: string, options: ExplainOptions) => {
      const actions = createCatalog().actions;
      const known = actions.get(action) ?? gatewayActions.get(action);
      if (known === undefined)
        throw new GateError('bad-request', `unknown action ${action}; docs/policy.md lists them`);
      const { directory, ...place } = await placeOf(options, context);
      const engine = await createPolicyEngine({ directory, actions, watch: false, onLoad: () => undefined });
      try {
        const question: PolicyQuestion = {
          principal: { id: options.as, kind: options.machine ? 'machine' : 'person', groups: options.group },
          ...place,
          action,
          risk: known.risk,
          resource,
          approvalFloor: known.risk === 'shell',
        };
        const explanation = engine.explain(question);
        output.out(renderExplanation(explanation).trimEnd());
        if (explanation.effect === 'deny') process.exitCode = 1;
      } finally {
        await engine.close();
      }
    });
}

async function placeOf(
  options: ExplainOptions,
  context: CliContext,
): Promise<{ directory: string } & Pick<PolicyQuestion, 'cluster' | 'node' | 'labels'>> {
  if (options.config === undefined) {
    const labels = options.label.map(label => label.split('=', 2) as [string, string?]);
    const wrong = labels.find(([, value]) => value === undefined);
    if (wrong !== undefined) throw new GateError('bad-request', `--label ${wrong[0]}: write key=value`);
    return {
      directory: options.policies,
      cluster: options.cluster ?? 'default',
      node: options.node,
      labels: Object.fromEntries(labels.map(([key, value]) => [key, value ?? ''])),
    };
  }
  const config = await requireConfig(options.config, context);
  const found = createFleet(config.fleet).resolve({ context: options.cluster, node: options.node, nodes: [] });
  if (!found.ok) throw new GateError('unknown-target', found.message);
  if (found.route.kind !== 'single') throw new GateError('internal', 'one node gave several targets');
  const { cluster, node, labels } = found.route.target;
  return { directory: config.policy.directory, cluster, node, labels };
}
