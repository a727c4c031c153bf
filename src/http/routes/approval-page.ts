import { Type } from 'typebox';
import type { TypedServer } from '../typed-server.ts';

const style =
  'body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}pre{background:#eee;padding:1em;overflow:auto}';

/**
 * Where the links in messages lead: says how to look at a request and decide on it with the command line. Public and the
 * same for every id, so it tells nobody anything; without script, form or anything from elsewhere.
 */
export function approvalPage(server: TypedServer): void {
  server.get(
    '/approvals/:id',
    {
      config: { access: { kind: 'public' } },
      schema: { hide: true, params: Type.Object({ id: Type.String({ pattern: '^[a-z]{3}-[2-9a-z]{5}$' }) }) },
    },
    (request, reply) =>
      reply
        .headers({
          'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'cache-control': 'no-store',
        })
        .type('text/html; charset=utf-8')
        .send(page(request.params.id)),
  );
}

/** The id has been held to its pattern: lower-case letters, digits and a hyphen. */
function page(id: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${id} - talosgate</title><style>${style}</style></head>
<body>
<h1>Request ${id}</h1>
<p>Somebody asks for a second person's agreement. This page shows nothing of the request: look at it, then decide, with
talosgate on your own machine, logged in with your own client certificate.</p>
<pre>talosgate approvals show ${id}
talosgate approvals approve ${id} --reason "..."
talosgate approvals deny ${id} --reason "..."</pre>
<p>Whoever raised it can take it back:</p>
<pre>talosgate approvals cancel ${id}</pre>
</body>
</html>
`;
}
