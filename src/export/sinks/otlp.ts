import type { FormatContext } from '../formats/context.ts';
import { toOtlpRequest } from '../formats/otlp.ts';
import type { TlsMaterials } from '../materials.ts';
import { type Delivery, delivered, type Sink } from '../sink.ts';
import { createPoster } from './post.ts';

export interface OtlpOptions {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly tls: TlsMaterials;
  readonly timeoutMs: number;
  readonly context: FormatContext;
}

/** Batches as OTLP log records over HTTP in JSON. A partial success that rejected records counts as a refusal. */
export function createOtlp({ url, authorization, tls, timeoutMs, context }: OtlpOptions): Sink {
  const poster = createPoster(url, tls, timeoutMs);
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  return {
    batch: { records: 500, bytes: 1024 * 1024 },
    deliver: (lines, signal) => poster.post(toOtlpRequest(lines, context), headers, signal, judgeAnswer),
    close: () => {
      poster.close();
      return Promise.resolve();
    },
  };
}

/** `rejectedLogRecords` is an int64, so in JSON it is text; collectors are known to send a number. */
function judgeAnswer(answer: string): Delivery {
  const rejected = Number(readPartial(answer)?.rejectedLogRecords ?? 0);
  if (rejected === 0 || Number.isNaN(rejected)) return delivered;
  return { ok: false, failure: 'refused', why: `the receiver rejected ${rejected} records of the batch` };
}

function readPartial(answer: string): { readonly rejectedLogRecords?: unknown } | undefined {
  try {
    const parsed = JSON.parse(answer) as { readonly partialSuccess?: { readonly rejectedLogRecords?: unknown } } | null;
    return parsed?.partialSuccess;
  } catch {
    // An empty answer is allowed where there is nothing to say.
    return undefined;
  }
}
