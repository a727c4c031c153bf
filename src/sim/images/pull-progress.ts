import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ImageServicePullProgress,
  ImageServicePullProgressSchema,
  ImageServicePullLayerProgress_Status as Status,
} from '../../gen/machine/image_pb.js';
import { digestOf } from './image-store.ts';

/** What a pull of three layers reports, in order. */
export function* pullProgress(reference: string): Generator<ImageServicePullProgress, void> {
  const hex = digestOf(reference).slice('sha256:'.length);
  const layers = [0, 1, 2].map(index => ({
    id: hex.slice(index * 12, index * 12 + 12),
    size: (index + 1) * 1_500_000,
  }));
  for (const share of [0, 0.5, 1]) {
    for (const layer of layers) {
      const status = share === 1 ? Status.DOWNLOAD_COMPLETE : Status.DOWNLOADING;
      yield progress(layer.id, { status, offset: BigInt(layer.size * share), total: BigInt(layer.size) });
    }
  }
  for (const { id } of layers) {
    yield progress(id, { status: Status.EXTRACTING, elapsed: durationFromMs(40) });
    yield progress(id, { status: Status.EXTRACT_COMPLETE });
  }
}

function progress(
  layerId: string,
  step: { status: Status; offset?: bigint; total?: bigint; elapsed?: ReturnType<typeof durationFromMs> },
): ImageServicePullProgress {
  return create(ImageServicePullProgressSchema, { layerId, progress: step });
}
