import { type HttpPost, httpPost } from '../core/http-post.ts';
import { type Attempt, attemptMs } from './channel.ts';

/**
 * Posts once and reads the answer as receivers of webhooks mean it: 2xx is taken, 408, 425, 429 and 5xx may go better
 * later, everything else (redirects too) will not.
 */
export async function attemptPost(post: Omit<HttpPost, 'timeoutMs'>): Promise<Attempt> {
  const result = await httpPost({ ...post, timeoutMs: attemptMs });
  if (!result.ok) return { outcome: 'failed', message: result.message, retryAfterMs: undefined };
  const { status, retryAfterMs } = result;
  const message = `HTTP ${status}`;
  if (status >= 200 && status < 300) return { outcome: 'delivered', message };
  if (status >= 500 || [408, 425, 429].includes(status)) return { outcome: 'failed', message, retryAfterMs };
  return { outcome: 'refused', message };
}
