import { posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MachineService, ListRequest_Type as Type } from '../../gen/machine/machine_pb.js';
import { StorageService } from '../../gen/machine/storage_pb.js';
import { chunksOf } from '../chunks.ts';
import { serverStream, unary } from '../handler.ts';
import type { NodeState } from '../node.ts';
import { SimStatus } from '../sim-call.ts';
import { type SimEntry, sizeOf } from './file-tree.ts';
import { tarBlocks, tarEnd } from './tar.ts';
import { type UsageRequest, usageOf } from './usage.ts';
import { goMode, type WalkItem, walk } from './walk.ts';

const entryKinds = { [Type.REGULAR]: 'file', [Type.DIRECTORY]: 'directory', [Type.SYMLINK]: 'link' } as const;

/** `talosctl read`, `list`, `copy`, `usage` and `diskfree`, on the in-memory tree. */
export const fileHandlers = [
  serverStream(MachineService.method.read, async (node, request, send) => {
    const found = node.files.lookup(request.path);
    if (!found.ok) {
      const code = found.failure === 'no such file or directory' ? 'NOT_FOUND' : 'UNKNOWN';
      throw new SimStatus(code, `stat ${request.path}: ${found.failure}`);
    }
    if (found.entry.kind !== 'file') throw new SimStatus('UNKNOWN', 'path must be a regular file');
    for (const bytes of chunksOf(found.entry.read())) await send({ bytes });
  }),
  serverStream(MachineService.method.list, async (node, request, send) => {
    const depth = request.recurse ? request.recursionDepth || -1 : 0;
    const kinds = new Set<SimEntry['kind']>(request.types.map(type => entryKinds[type]));
    const modified = BigInt(Math.floor(node.machine.bootedAt / 1000));
    for (const item of walk(node.files, rootOf(request.root), depth)) {
      if (kinds.size > 0 && !kinds.has(item.entry.kind)) continue;
      await send({ ...describe(item), modified, xattrs: request.reportXattrs ? [label(item)] : [] });
    }
  }),
  serverStream(MachineService.method.diskUsage, async (node, request, send) => {
    // Only the first path is ever looked at: so does the real node.
    // As Talos does it: the first path that is there is walked, and the ones after it are never looked at.
    for (const path of request.paths.map(rootOf)) {
      const usage = usageOrFailure(node, path, request);
      if (usage instanceof SimStatus) {
        await send({ name: path, relativeName: path, error: usage.message });
        continue;
      }
      for (const { item, size } of usage) {
        await send({ name: item.path, relativeName: item.relative, size: BigInt(size) });
      }
      return;
    }
  }),
  serverStream(MachineService.method.copy, async (node, request, send) => {
    const root = posix.normalize(request.rootPath);
    if (!posix.isAbsolute(root)) throw new SimStatus('UNKNOWN', `path is not absolute ${root}`);
    try {
      for (const bytes of chunksOf(gzipSync(archive(node, root)))) await send({ bytes });
    } catch (error) {
      // The node reports what went wrong with the archive inside the stream.
      if (!(error instanceof SimStatus) || error.code !== 2) throw error;
      await send({ metadata: { error: error.message } });
    }
  }),
  unary(StorageService.method.statfs, (node, request) => {
    const found = node.files.lookup(request.path);
    if (!found.ok) throw new SimStatus('NOT_FOUND', `statfs ${request.path}: ${found.failure}`);
    return {
      ...{ size: 9_000_000_000n, used: 1_400_000_000n, available: 7_600_000_000n },
      ...{ inodes: 4_400_000n, inodesUsed: 21_000n, inodesFree: 4_379_000n },
    };
  }),
];

function usageOrFailure(node: NodeState, path: string, request: UsageRequest): ReturnType<typeof usageOf> | SimStatus {
  try {
    return usageOf(node.files, path, request);
  } catch (error) {
    return SimStatus.from(error);
  }
}

function rootOf(path: string): string {
  const absolute = path.startsWith('/') ? path : `/${path}`;
  return absolute.length > 1 && absolute.endsWith('/') ? absolute.slice(0, -1) : absolute;
}

function describe({ path, relative, entry }: WalkItem) {
  return {
    ...{ name: path, relativeName: relative, size: BigInt(sizeOf(entry)), mode: goMode(entry) },
    ...{ isDir: entry.kind === 'directory', link: entry.kind === 'link' ? entry.target : '', uid: 0, gid: 0 },
  };
}

function label({ path }: WalkItem) {
  const type = path.startsWith('/proc') ? 'proc_t' : path.startsWith('/etc') ? 'etc_t' : 'rootfs_t';
  return { name: 'security.selinux', data: Buffer.from(`system_u:object_r:${type}:s0\0`) };
}

function archive(node: NodeState, root: string): Buffer {
  const modified = Math.floor(node.machine.bootedAt / 1000);
  // The folder itself is left out (talos pkg/archiver WithSkipRoot).
  const items = [...walk(node.files, root, -1)].filter(({ relative }) => relative !== '.');
  const blocks = items.map(({ relative, entry }) => {
    if (entry.kind === 'file') {
      return tarBlocks({ name: relative, mode: entry.mode, modified, kind: 'file', content: entry.read() });
    }
    if (entry.kind === 'link') {
      return tarBlocks({ name: relative, mode: entry.mode, modified, kind: 'link', target: entry.target });
    }
    return tarBlocks({ name: `${relative}/`, mode: entry.mode, modified, kind: 'directory' });
  });
  return Buffer.concat([...blocks, tarEnd]);
}
