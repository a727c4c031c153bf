import { FileTree, type Lookup } from '../files/file-tree.ts';
import type { NodeState } from '../node.ts';

/** Files as a debug container sees them: its own small image, and the whole node below `/host`. */
export interface ContainerFiles {
  lookup(path: string): Lookup;
}

/** The view of one container on one node. Nothing of the machine that runs the simulation is in it. */
export function createContainerFiles(node: NodeState): ContainerFiles {
  const own = new FileTree({
    '/etc/os-release': 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.1\nPRETTY_NAME="Alpine Linux v3.22"\n',
    '/etc/hostname': `${node.settings.name}\n`,
    '/etc/hosts': { content: () => contentOf(node, '/etc/hosts') },
    '/etc/resolv.conf': { content: () => contentOf(node, '/etc/resolv.conf') },
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    '/bin/sh': { content: '\u007fELF', mode: 0o755 },
    '/host': { directory: true },
    '/root': { directory: true },
    '/tmp': { directory: true, mode: 0o1777 },
    '/dev': { directory: true },
    '/usr/bin': { directory: true },
    '/var': { directory: true },
  });
  return {
    lookup(path) {
      // The container shares the node's processes and devices, so /proc and /sys are the node's.
      const host = /^\/host(\/.*)?$/.exec(path);
      if (host !== null) return node.files.lookup(host[1] ?? '/');
      return /^\/(proc|sys)(\/|$)/.test(path) ? node.files.lookup(path) : own.lookup(path);
    },
  };
}

function contentOf(node: NodeState, path: string): Buffer {
  const found = node.files.lookup(path);
  return found.ok && found.entry.kind === 'file' ? found.entry.read() : Buffer.alloc(0);
}
