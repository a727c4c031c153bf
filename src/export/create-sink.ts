import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { SinkSettings } from './config.ts';
import type { FormatContext } from './formats/context.ts';
import { readTlsMaterials } from './materials.ts';
import type { Sink } from './sink.ts';
import { createFileSink } from './sinks/file.ts';
import { createOtlp } from './sinks/otlp.ts';
import { createSyslogTls } from './sinks/syslog-tls.ts';
import { createWebhook } from './sinks/webhook.ts';

/** Makes the one way of sending that a sink's settings name. Throws GateError `bad-config` where a file cannot be read. */
export async function createSink(settings: SinkSettings, context: FormatContext, clock: Clock): Promise<Sink> {
  const { name, timeout: timeoutMs, webhook, syslog, otlp, file } = settings;
  if (webhook !== undefined) {
    const { url, secret } = webhook;
    return createWebhook({ url, secret, tls: await readTlsMaterials(name, webhook), timeoutMs, clock });
  }
  if (otlp !== undefined) {
    const { url, authorization } = otlp;
    return createOtlp({ url, authorization, tls: await readTlsMaterials(name, otlp), timeoutMs, context });
  }
  if (syslog !== undefined) {
    const colon = syslog.address.lastIndexOf(':');
    return createSyslogTls({
      host: syslog.address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(syslog.address.slice(colon + 1)),
      serverName: syslog.server_name,
      tls: await readTlsMaterials(name, syslog),
      timeoutMs,
      format: { ...context, structuredDataId: syslog.structured_data_id, maxBytes: syslog.max_message },
    });
  }
  if (file !== undefined) return createFileSink(file.path);
  throw new GateError('bad-config', `export sink ${name} has no way of sending`);
}
