import { type ClientSettings, callApi } from '../../src/cli/client.ts';

/** Somebody's vote through the JSON API; gives the new state, or the words of the refusal. */
export async function vote(
  settings: ClientSettings,
  id: string,
  verdict: 'approve' | 'deny' = 'approve',
  reason = 'ok, 30 min',
): Promise<string> {
  return await callApi(settings, 'POST', `/api/v1/approvals/${id}/decision`, { verdict, reason }).then(
    answer => (answer as { state: string }).state,
    (error: unknown) => (error as Error).message,
  );
}
