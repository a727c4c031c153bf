import { grpcCodes } from '../../../src/core/grpc.ts';
import { methodOf, streams } from './bench.ts';
import { line } from './records.ts';
import { shapeOf } from './reply-shape.ts';
import type { Sample } from './sample.ts';
import type { Addressing, Exchange } from './talosctl.ts';
import { nodes } from './twins.ts';

/** One way in which a client says which nodes it means. */
export interface Way {
  readonly to: Addressing;
  /** Nodes that the call is for. */
  readonly targets: readonly string[];
}

/** How each generation of clients addresses a method. The worker refuses what only a control plane does, in-band. */
export function waysOf({ on }: Sample): Way[] {
  const [own, second] = on === 'controlplane' ? [nodes.cp2, nodes.worker] : [nodes.worker, nodes.cp1];
  return [
    { to: { node: own }, targets: [own] },
    { to: { nodes: [own] }, targets: [own] },
    { to: { nodes: [own, second] }, targets: [own, second] },
    { to: {}, targets: [nodes.cp1] },
  ];
}

/** A node other than the worker that serves the method. */
export function secondNode({ on }: Sample): string {
  return on === 'controlplane' ? nodes.cp2 : nodes.cp1;
}

/** The reply is made of those of all nodes. */
export function isMerged(sample: Sample, { to }: Way): boolean {
  return to.nodes !== undefined && methodOf(sample).aggregates;
}

/** Refused by node and gateway alike: several nodes for a method whose replies cannot be merged. */
export function isUnmergeable(sample: Sample, { to }: Way): boolean {
  return to.nodes !== undefined && !methodOf(sample).aggregates;
}

/** Messages after which the caller of an endless reply has all there is. */
export function takeOf({ take }: Sample, { targets }: Way): number | undefined {
  return take === undefined ? undefined : take * targets.length;
}

/** Code by node, from a reply through the gateway. */
export function codesOf(sample: Sample, way: Way, reply: Exchange): Map<string, number> {
  const code = reply.left ? grpcCodes.CANCELLED : (reply.code ?? -1);
  const codes = new Map<string, number>(way.targets.map(name => [name, code]));
  if (!isMerged(sample, way)) return codes;
  for (const failure of shapeOf(reply, true, streams(methodOf(sample))).failures) {
    const [name = '', failed = ''] = failure.split(' ');
    codes.set(name, Number(failed));
  }
  return codes;
}

/** Records of a call that reached its nodes, or that is refused for naming several. */
export function recordsOf(sample: Sample, way: Way, reply: Exchange): string[] {
  const { path } = sample;
  if (isUnmergeable(sample, way)) {
    return [line.deny(path, undefined, grpcCodes.INVALID_ARGUMENT, 'malformed-request')];
  }
  return [...codesOf(sample, way, reply)].flatMap(([name, code]) => [
    line.intent(path, name),
    endOf(sample, name, code),
  ]);
}

/** Whoever leaves a shell after its exit code has not broken it off (talos.md 4.4). */
function endOf(sample: Sample, node: string, code: number): string {
  const left = code === grpcCodes.CANCELLED;
  if (left && methodOf(sample).risk === 'shell') return line.outcome(sample.path, node, grpcCodes.OK, 'server');
  return line.outcome(sample.path, node, code, left ? 'client' : 'server');
}

/** Records of asking a second person first, where that is needed. */
export function askingRecords(sample: Sample, way: Way): string[] {
  if (isUnmergeable(sample, way) || !methodOf(sample).approvalFloor) return [];
  const [node] = way.targets;
  return [line.deny(sample.path, node, grpcCodes.FAILED_PRECONDITION, 'approval-required')];
}

/** talosctl prints its usage screen on some words (talos cmd/talosctl/cmd/root.go). */
export function usageWordsIn({ message }: Exchange): string[] {
  return /arg\(s\)|flag|command/i.test(message) ? [message] : [];
}
