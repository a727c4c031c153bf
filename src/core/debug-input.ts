/**
 * One message of a debug stream from the client's side (`machine.DebugContainerRunRequest`), as the parts that hold or
 * record such a stream see it. `spec` carries nothing: the first one is decided on before, and a second one is refused.
 */
export type DebugInput =
  | { readonly kind: 'stdin'; readonly data: Uint8Array }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'resize'; readonly width: number; readonly height: number }
  | { readonly kind: 'spec' };
