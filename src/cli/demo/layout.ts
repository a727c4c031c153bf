/** The demo's cast. Roles come from the shipped `policies/demo.csv`. */
export const demoPeople = [
  { first: 'alice', email: 'alice@example.com', about: 'viewer' },
  { first: 'bob', email: 'bob@example.com', about: 'operator, config editor, debugger' },
  { first: 'carol', email: 'carol@example.com', about: 'approver, auditor' },
] as const;

/** Had a certificate that was revoked. */
export const demoRevoked = { first: 'dave', email: 'dave@example.com' } as const;

export const demoCluster = 'demo';

/** The simulated nodes, with the addresses Talos would know them by and the ports they really listen on. */
export const demoNodes = [
  { name: 'demo-cp-1', role: 'controlplane', address: '10.5.0.2', port: 50101 },
  { name: 'demo-worker-1', role: 'worker', address: '10.5.0.3', port: 50102 },
  { name: 'demo-worker-2', role: 'worker', address: '10.5.0.4', port: 50103 },
] as const;

/** What bob debugs with: by tag, as people type it. The node answers its pull with the digest. */
export const demoDebugImage = 'docker.io/library/alpine:3.22';

export const demoIssuer = { issuer: 'https://login.demo.example', audience: 'talosgate' } as const;
