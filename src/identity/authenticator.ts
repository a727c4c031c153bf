import type { AuthenticationFailure, Credentials } from '../core/authentication.ts';
import type { Principal } from '../core/principal.ts';

/** What one way of proving identity found. */
export type Outcome =
  | { readonly kind: 'principal'; readonly principal: Principal }
  /** Nothing of my kind was presented; the next one may look. */
  | { readonly kind: 'none' }
  /** Something of my kind was presented and is not good: the call is refused, whatever else was presented. */
  | {
      readonly kind: 'failed';
      readonly reason: AuthenticationFailure;
      /** Safe to show; never repeats credential text. */
      readonly message: string;
      /** Who the credential says it is, unproven; undefined when that cannot be read. */
      readonly claimed: string | undefined;
    };

/**
 * One way of proving who calls. Asked once per call, in a fixed order, and must not keep the call waiting longer than
 * a key fetch takes. It answers and never throws: what it cannot judge is `failed`.
 */
export interface Authenticator {
  readonly name: string;
  authenticate(credentials: Credentials): Promise<Outcome>;
}

/** Makes a refusal. */
export function failed(reason: AuthenticationFailure, message: string, claimed?: string): Outcome {
  return { kind: 'failed', reason, message, claimed };
}
