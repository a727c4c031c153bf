import { create, toBinary } from '@bufbuild/protobuf';
import { VersionResponseSchema } from '../../src/gen/machine/machine_pb.js';

/** The reply of the benchmark's node to Version: about a hundred bytes, as a real one. */
export const versionReply: Uint8Array = toBinary(
  VersionResponseSchema,
  create(VersionResponseSchema, {
    messages: [
      {
        version: {
          tag: 'v1.13.9',
          sha: '4f1d2c7a',
          built: '2026-11-02T08:15:30Z',
          goVersion: 'go1.26.3',
          os: 'linux',
          arch: 'amd64',
        },
        platform: { name: 'metal', mode: 'metal' },
        features: { rbac: true },
      },
    ],
  }),
);
