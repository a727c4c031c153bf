// Child process: what a relay costs that is written with @grpc/grpc-js on both sides. Messages pass as bytes.
import { Client, credentials, type handleUnaryCall, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { serveParent, subjectSettings } from '../child.ts';
import { nodeName, readCa, readKeyPair } from '../pki.ts';

const { pki, upstream } = subjectSettings();
const ca = Buffer.from(readCa(pki));
const raw = (bytes: Buffer): Buffer => bytes;
const pair = (holder: 'gateway' | 'door'): { cert: Buffer; key: Buffer } => {
  const { cert, key } = readKeyPair(pki, holder);
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
};

const own = pair('gateway');
// Node 26 refuses an IP address as TLS server name, which grpc-js would send.
const client = new Client(`127.0.0.1:${upstream}`, credentials.createSsl(ca, own.key, own.cert), {
  'grpc.ssl_target_name_override': nodeName,
});

/** Copies no metadata of the caller, as the gateway does. */
const relay =
  (path: string): handleUnaryCall<Buffer, Buffer> =>
  (call, callback) => {
    const metadata = new Metadata();
    metadata.set('talos-role', 'os:reader');
    client.makeUnaryRequest(path, raw, raw, call.request, metadata, (error, reply) => {
      if (error === null) callback(null, reply);
      else callback({ code: error.code, details: error.details, name: error.name, message: error.message });
    });
  };

const path = '/machine.MachineService/Version';
const server = new Server();
server.addService(
  {
    version: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  },
  { version: relay(path) },
);
const door = pair('door');
const serverCredentials = ServerCredentials.createSsl(ca, [{ private_key: door.key, cert_chain: door.cert }], true);
server.bindAsync('127.0.0.1:0', serverCredentials, (error, port) => {
  if (error !== null) throw error;
  serveParent({ port });
});
