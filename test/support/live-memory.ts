// Loaded into a process under test (`--import`, with `--expose-gc`): on SIGUSR2 it collects garbage and appends to the
// file in MEMORY_FILE how many bytes are in use on the heap and outside of it. Unlike resident memory this counts neither
// garbage nor what the allocator keeps for later.
import { appendFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  appendFileSync(process.env['MEMORY_FILE'] ?? '/dev/null', `${heapUsed + external}\n`);
});
