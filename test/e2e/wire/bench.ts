import { createCatalog } from '../../../src/catalog/catalog.ts';
import type { Method } from '../../../src/core/method.ts';
import type { RecordedCall } from '../../../src/sim/sim.ts';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { vote } from '../../support/http.ts';
import { type Caller, people, type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';
import { allowedDifferences, type CallFacts, type Scenario } from './allowed-differences.ts';
import { differences, shapeOf } from './reply-shape.ts';
import type { Sample } from './sample.ts';
import { type Addressing, type Exchange, type SendOptions, Talosctl } from './talosctl.ts';
import { nodes, startTwins, type Twin, type Twins, wireCluster } from './twins.ts';

/** A node must hear that its caller has left within so long, milliseconds. */
const cancelMs = 1000;

/** carol may do everything, alice nothing, bob everything but read the worker. */
const policy = [
  'p, user:carol@example.com, *, *, *, **, allow',
  'p, user:alice@example.com, *, *, *, **, deny',
  'p, user:bob@example.com, *, *, *, **, allow',
  'p, user:bob@example.com, *, *, approvals.decide, **, allow',
  `p, user:bob@example.com, ${wireCluster}, ${nodes.worker}, class:read, **, deny`,
];

/** The two clusters, the gateway before the second one, and everybody who calls. */
export class Bench {
  readonly stack: Stack;
  readonly twins: Twins;
  readonly watch: AuditWatch;
  readonly #used = new Set<string>();
  readonly #clients = new Map<Caller, Talosctl>();

  private constructor(stack: Stack, twins: Twins, watch: AuditWatch) {
    this.stack = stack;
    this.twins = twins;
    this.watch = watch;
  }

  static async start(): Promise<Bench> {
    let twins: Twins | undefined;
    const stack = await startStack({
      policy,
      config: async (raw, secrets) => {
        twins = await startTwins(secrets);
        raw['clusters'] = twins.clusters;
        raw['approvals'] = { reason_required: false, max_open: 100 };
      },
    });
    if (twins === undefined) throw new Error('the stack did not ask for its configuration');
    return new Bench(stack, twins, await stack.watch());
  }

  /** A call directly, as an administrator unless said, and the same through the gateway. */
  async both(call: Call): Promise<Pair> {
    const { twins } = this;
    for (const { control } of [...twins.direct.nodes, ...twins.behind.nodes]) control.clearCalls();
    const options = { context: wireCluster, take: call.take };
    const direct = await (call.directly ?? twins.direct.admin).send(call.sample, call.to, options);
    const through = await this.through(call);
    return { direct, through };
  }

  /** A call through the gateway alone. */
  async through(call: Omit<Call, 'scenario'>): Promise<Exchange> {
    const client = this.#as(call.as);
    const options: SendOptions = { context: wireCluster, take: call.take, authorization: this.#authorization(call.as) };
    return await client.send(call.sample, call.to, options);
  }

  /** What the table of allowed differences does not cover. */
  compare({ sample, to, scenario }: Call, { direct, through }: Pair): string[] {
    const method = methodOf(sample);
    const facts: CallFacts = { scenario, method, several: to.nodes !== undefined };
    const merged = facts.several && method.aggregates;
    const table = allowedDifferences.filter(({ when }) => when(facts));
    return differences(shapeOf(direct, merged, streams(method)), shapeOf(through, merged, streams(method)))
      .filter(({ field }) => {
        const reasons = table.filter(({ fields }) => fields.includes(field));
        for (const { because } of reasons) this.#used.add(because);
        return reasons.length === 0;
      })
      .map(({ text }) => `${describeCall(sample, to)}: ${text}`);
  }

  /** What differs in what the two nodes of a name saw of the call, and whether they know that it is over. */
  async compareSeen({ sample, to }: Call, names: readonly string[]): Promise<string[]> {
    const complaints: string[] = [];
    for (const name of names) {
      const [direct, behind] = [this.twins.direct, this.twins.behind].map(twin => lastCall(twin, name, sample.path));
      if (direct === undefined || behind === undefined) {
        complaints.push(`${describeCall(sample, to)}: ${name} was not asked`);
        continue;
      }
      await until(() => direct.ended !== undefined && behind.ended !== undefined, undefined, cancelMs);
      // A node that refuses before it has read the request may be spared the rest of it.
      if (direct.requests.length === 0) continue;
      const [one, other] = [direct, behind].map(({ requests, ended }) =>
        JSON.stringify({ requests: requests.map(bytes => bytes.toString('hex')), end: ended?.kind }),
      );
      if (one !== other)
        complaints.push(`${describeCall(sample, to)}: ${name} saw ${one ?? ''}, behind ${other ?? ''}`);
      // The simulator notes no half-close of a call through another node, and takes the reset of an open side for one.
      if (sample.halfCloses && !behind.halfClosed) complaints.push(`${describeCall(sample, to)}: no half-close`);
    }
    return complaints;
  }

  /** Brings both clusters into the state in which the sample works. */
  async prepare({ prepare = [] }: Sample, node: string): Promise<void> {
    await this.twins.each(async ({ admin }) => {
      for (const sample of prepare) {
        const { code, message } = await admin.send(sample, { node }, { context: wireCluster });
        if (code !== 0) throw new Error(`${sample.path} on ${node}: ${code ?? 'no status'} ${message}`);
      }
    });
  }

  /** Has bob agree to what the caller is about to do, where that takes a second person. */
  async agree(call: Call): Promise<void> {
    if (!methodOf(call.sample).approvalFloor) return;
    const { message } = await this.through({ ...call, take: undefined });
    const id = /request (dbg-[2-9a-z]+) /.exec(message)?.[1];
    if (id === undefined) throw new Error(`no request was raised: ${message}`);
    const state = await vote(this.stack.api('bob'), id);
    if (state !== 'approved') throw new Error(state);
  }

  /** Reasons in the table of allowed differences that nothing has needed. */
  unusedReasons(): string[] {
    return allowedDifferences.map(({ because }) => because).filter(because => !this.#used.has(because));
  }

  /** Streams of which some node does not know that they are over. */
  openStreams(): number {
    return [...this.twins.direct.nodes, ...this.twins.behind.nodes].reduce(
      (sum, { control }) => sum + control.openStreams(),
      0,
    );
  }

  /** Everything that a node behind the gateway was asked since the last call of `both`. */
  reached(): readonly RecordedCall[] {
    return this.twins.behind.nodes.flatMap(({ control }) => control.calls());
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
    await this.stack.close();
    await this.twins.close();
  }

  #as(caller: Caller): Talosctl {
    const before = this.#clients.get(caller);
    if (before !== undefined) return before;
    const { pki } = this.stack.secrets;
    const leaf = caller.endsWith('-jwt') || caller === 'nobody' ? {} : pki.users.get(emailOf(caller));
    const made = new Talosctl({ port: this.stack.app.grpc.port, ca: pki.clientCa.certificate, ...leaf });
    this.#clients.set(caller, made);
    return made;
  }

  /** talosctl can send a token only as the password of basic authentication. */
  #authorization(caller: Caller): string | undefined {
    if (!caller.endsWith('-jwt')) return undefined;
    const email = emailOf(caller);
    return `Basic ${Buffer.from(`${email}:${this.stack.secrets.tokens.get(email) ?? ''}`).toString('base64')}`;
  }
}

export interface Call {
  readonly sample: Sample;
  readonly to: Addressing;
  readonly as: Caller;
  readonly scenario: Scenario;
  /** Messages after which both callers leave. */
  readonly take?: number | undefined;
  /** Who calls the first cluster, when that is not an administrator. */
  readonly directly?: Talosctl | undefined;
}

export interface Pair {
  readonly direct: Exchange;
  readonly through: Exchange;
}

const catalog = createCatalog();

/** Throws for a sample of a method that the catalog does not have. */
export function methodOf({ path }: Sample): Method {
  const method = catalog.lookup(path);
  if (method === undefined) throw new Error(`${path} is not in the catalog`);
  return method;
}

export const allMethods = catalog.methods;

export function streams({ kind }: Method): boolean {
  return kind === 'server-streaming' || kind === 'bidi-streaming';
}

function describeCall({ path }: Sample, { node, nodes: several }: Addressing): string {
  if (several !== undefined) return `${path} to nodes ${several.join(' ')}`;
  return node === undefined ? path : `${path} to node ${node}`;
}

/** In the first cluster a call may stop at `wire-cp-1` on its way; the last one of a path is where it was served. */
function lastCall(twin: Twin, name: string, path: string): RecordedCall | undefined {
  return twin
    .node(name)
    .control.calls()
    .findLast(call => call.path === path);
}

function emailOf(caller: Caller): string {
  return people.find(({ first }) => first === caller.replace('-jwt', ''))?.email ?? '';
}
