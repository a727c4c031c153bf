import {
  clone,
  create,
  createFileRegistry,
  type DescFile,
  type DescService,
  getOption,
  type MessageInitShape,
  setExtension,
} from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { type MethodRule, MethodRuleSchema, rule } from '../../../src/gen/talosgate/options_pb.js';

/** The service with the annotation of one method changed; `undefined` takes the annotation away. */
export function reannotated(
  service: DescService,
  name: string,
  change:
    | (Omit<MessageInitShape<typeof MethodRuleSchema>, '$typeName' | 'earlierRoles'> & {
        readonly earlierRoles?: MethodRule['earlierRoles'];
      })
    | undefined,
): DescService {
  return rewritten(service, file => {
    const method = file.service.find(one => one.name === service.name)?.method.find(one => one.name === name);
    const before = service.methods.find(one => one.name === name);
    if (method === undefined || before === undefined) throw new Error(`no method ${name}`);
    method.options = create(MethodOptionsSchema);
    if (change === undefined) return;
    setExtension(method.options, rule, create(MethodRuleSchema, { ...getOption(before, rule), ...change }));
  });
}

/** A service as it would be had its proto file been written differently. */
function rewritten(service: DescService, edit: (file: FileDescriptorProto) => void): DescService {
  const target = clone(FileDescriptorProtoSchema, service.file.proto);
  edit(target);
  const others = [...withDependencies(service.file).values()].filter(file => file !== service.file);
  const set = create(FileDescriptorSetSchema, { file: [...others.map(file => file.proto), target] });
  const found = createFileRegistry(set).getService(service.typeName);
  if (found === undefined) throw new Error(`${service.typeName} is gone`);
  return found;
}

function withDependencies(file: DescFile, seen = new Map<string, DescFile>()): Map<string, DescFile> {
  for (const dependency of file.dependencies) withDependencies(dependency, seen);
  return seen.set(file.name, file);
}
