/** Where a rule stands, for people: `policies/policy.csv:12`. */
export interface RuleRef {
  readonly file: string;
  readonly line: number;
  /** The rule as it is written, without comment. */
  readonly text: string;
}

/** Why a call was refused. Closed list: metrics, audit and tests depend on it. */
export const denyReasons = [
  'unknown-method',
  'unauthenticated',
  'unknown-target',
  'malformed-request',
  'no-rule',
  'rule',
  'approval-refused',
  'approval-required',
  'unpinned-image',
  'unsupported',
  'node-unreachable',
  'policy-error',
  'audit-unavailable',
  'overloaded',
  'cancelled',
  'internal-error',
] as const;
export type DenyReason = (typeof denyReasons)[number];

/** What policy says about one principal, one target and one request. Refusing is the default everywhere. */
export type Decision =
  | { readonly effect: 'allow'; readonly rule: RuleRef; readonly revision: string }
  | {
      readonly effect: 'approve';
      /** The rule that asks for approval, or the allowing rule when the method's floor turned it into one. */
      readonly rule: RuleRef;
      readonly floor: boolean;
      readonly revision: string;
    }
  | {
      readonly effect: 'deny';
      readonly reason: 'no-rule' | 'rule' | 'policy-error';
      readonly rule: RuleRef | undefined;
      readonly revision: string;
    };

/** One question to policy. `node` and `labels` describe the target; gateway actions use cluster `-` and node `-`. */
export interface PolicyQuestion {
  readonly principal: { readonly id: string; readonly kind: 'person' | 'machine'; readonly groups: readonly string[] };
  readonly cluster: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly action: string;
  readonly risk: string;
  readonly resource: string;
  /** True where the method may never run without somebody else's approval. */
  readonly approvalFloor: boolean;
}

/** Decides one question. Never throws: an internal failure is a denial with reason `policy-error`. */
export type Decide = (question: PolicyQuestion) => Decision;
