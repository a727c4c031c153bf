import Type from 'typebox';
import { ApprovalSettings } from '../approvals/config.ts';
import { AuditSettings } from '../audit/config.ts';
import { DatabaseSettings } from '../db/config.ts';
import { ExportSettings } from '../export/config.ts';
import { FleetSettings } from '../fleet/config.ts';
import { IdentitySettings } from '../identity/config.ts';
import { NotifySettings } from '../notify/config.ts';
import { PolicySettings } from '../policy/config.ts';
import { SealingSettings } from '../seal/config.ts';
import { SessionSettings } from '../sessions/config.ts';
import { LimitSettings, ListenSettings, LogSettings } from './sections.ts';

/**
 * The whole configuration file. Every part states its own fragment; this only puts them together. The static type is
 * what the notations mean after loading, the schema what the file holds: see `core/settings.ts`.
 */
export const ConfigFile = Type.Object(
  {
    listen: ListenSettings,
    identity: IdentitySettings,
    ...FleetSettings.properties,
    policy: Type.Object(PolicySettings.properties, {
      additionalProperties: false,
      default: {},
      description: 'Who may do what.',
    }),
    database: DatabaseSettings,
    audit: AuditSettings,
    sealing: Type.Optional(SealingSettings),
    approvals: ApprovalSettings,
    sessions: SessionSettings,
    notifications: NotifySettings,
    export: ExportSettings,
    log: LogSettings,
    limits: LimitSettings,
  },
  { additionalProperties: false },
);
export type ConfigFile = Type.Static<typeof ConfigFile>;

/** A JSON schema as this folder walks through it: only the keywords that the fragments use. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly 'x-notation'?: string;
  readonly 'x-remedy'?: string;
}

/** The composed schema as plain data. */
export const configSchema = ConfigFile as unknown as SchemaNode;

/** The schema of the value at a path, or undefined where the path leaves the schema. */
export function schemaAt(path: readonly (string | number)[], from: SchemaNode = configSchema): SchemaNode | undefined {
  let node: SchemaNode | undefined = from;
  for (const step of path) {
    const [anyKey]: readonly SchemaNode[] = Object.values(node?.patternProperties ?? {});
    node = typeof step === 'number' ? node?.items : (node?.properties?.[step] ?? anyKey);
  }
  return node;
}
