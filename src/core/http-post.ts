import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';

export interface HttpPost {
  readonly url: string;
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** CA bundle, PEM; undefined: those that Node ships with. */
  readonly ca?: string | undefined;
  /** For the whole exchange, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. Only a status is an answer; redirects are answers too and are not followed. */
export type HttpPostResult =
  | { readonly ok: true; readonly status: number; readonly retryAfterMs: number | undefined; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** Most of an answer that is kept, in bytes. The rest is read and thrown away. */
const keptBytes = 4096;

/**
 * Sends one request and waits for the whole answer, within the time. Never rejects: what kept it from an answer comes
 * back in words that name neither the URL nor a header, because both may hold a secret.
 */
export async function httpPost(post: HttpPost): Promise<HttpPostResult> {
  const limit = AbortSignal.timeout(post.timeoutMs);
  const signal = post.signal === undefined ? limit : AbortSignal.any([limit, post.signal]);
  try {
    return await exchange(post, signal);
  } catch (error) {
    if (limit.aborted) return { ok: false, message: `no answer within ${post.timeoutMs / 1000} s` };
    return { ok: false, message: trouble(error) };
  }
}

function exchange(post: HttpPost, signal: AbortSignal): Promise<HttpPostResult> {
  const url = new URL(post.url);
  const options: RequestOptions & { ca?: string } = {
    method: 'POST',
    agent: false,
    signal,
    headers: { ...post.headers, 'content-length': String(Buffer.byteLength(post.body)) },
    ...(post.ca === undefined ? {} : { ca: post.ca }),
  };
  return new Promise((resolve, reject) => {
    const sent = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, options, answer => {
      const chunks: Buffer[] = [];
      let kept = 0;
      answer.on('data', (chunk: Buffer) => {
        if (kept < keptBytes) chunks.push(chunk.subarray(0, keptBytes - kept));
        kept += chunk.length;
      });
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({
          ok: true,
          status: answer.statusCode ?? 0,
          retryAfterMs: retryAfter(answer.headers['retry-after']),
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    sent.on('error', reject);
    sent.end(post.body);
  });
}

/** RFC 9110 section 10.2.3, the form in seconds. A date is not worth a clock comparison: the caller's back-off serves. */
function retryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

function trouble(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `the request failed (${code})`;
}
