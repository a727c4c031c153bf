/** What every format says about where records come from. */
export interface FormatContext {
  /** Version of talosgate. */
  readonly version: string;
  /** Host that sends. */
  readonly host: string;
}
