/** From what a listener says of encryption to what it means. */
import type { Listener, ListenerTls } from '../src/core/model.ts';
import { encryptionDefaults } from './defaults.ts';
import type { ListenerDocument } from './schema.ts';
import type { ListenerTlsDocument } from './schema-encryption.ts';

const httpsPort = 443;

export function readEncryption({ tls, redirectToHttps }: ListenerDocument): Pick<Listener, 'tls' | 'redirectToHttps'> {
  const port = redirectToHttps === true ? httpsPort : redirectToHttps;
  return { tls: tls && readTls(tls), redirectToHttps: port === false ? undefined : port };
}

function readTls({ cert = '', key = '', certificates = [{ cert, key }], minVersion, clients }: ListenerTlsDocument): ListenerTls {
  return {
    certificates: certificates.map((files) => ({ certFile: files.cert, keyFile: files.key })),
    minVersion: minVersion ?? encryptionDefaults.minVersion.value,
    clients: clients && { caFile: clients.ca, required: clients.required ?? encryptionDefaults.required.value },
  };
}
