/** One kind of resource, as the tables state it. */
export interface DefinitionRow {
  /** `Members.cluster.talos.dev` */
  readonly type: string;
  /** Namespace that `talosctl get` asks when the user names none. */
  readonly namespace: string;
  /** `Member` */
  readonly display: string;
  /** Names beside those that follow from type and display name. */
  readonly aliases?: readonly string[];
  /** Set where nothing but these is an alias. */
  readonly onlyAliases?: readonly string[];
  /** Column title and JSON path into the spec. */
  readonly columns?: readonly (readonly [title: string, path: string])[];
  /** Only os:admin may read it. */
  readonly sensitive?: true;
}
