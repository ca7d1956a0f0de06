/** The keys of a listener that have to do with encryption, as users type them. */
import { Type, type Static } from 'typebox';
import { encryptionDefaults } from './defaults.ts';
import { Choice, closed, Flag } from './schema-parts.ts';

const path = 'Relative paths count from the working directory. Read again by itself when it changes.';

const certFile = (description: string) => Type.String({ description: `${description} ${path}`, minLength: 1 });

const cert = certFile('A PEM file: the certificate, and behind it those of who signed it, the root left out.');
const key = certFile('A PEM file with the certificate’s key, without passphrase.');

export const CertificateSchema = Type.Object({ cert, key }, { ...closed, description: 'A certificate with its key.' });

export const ClientCertificatesSchema = Type.Object(
  {
    ca: certFile('A PEM file with the certificates of who may have signed those of clients.'),
    required: Flag(
      'Whether clients without a valid certificate are refused in the handshake. Otherwise they are asked, and let in whatever they show.',
      encryptionDefaults.required,
    ),
  },
  { ...closed, description: 'Certificates that clients show. Without this they are asked for none.' },
);

export const ListenerTlsSchema = Type.Object(
  {
    cert: Type.Optional(cert),
    key: Type.Optional(key),
    certificates: Type.Optional(
      Type.Array(CertificateSchema, {
        description:
          'In place of cert and key: several, of which the client’s name for the server (SNI) decides. The first is for all other names. A certificate for *.example.com is for one label in its place.',
        minItems: 1,
      }),
    ),
    minVersion: Choice(['1.2', '1.3'], 'The oldest version of TLS that is spoken.', encryptionDefaults.minVersion),
    clients: Type.Optional(ClientCertificatesSchema),
  },
  { ...closed, description: 'Encrypts connections. Without this they are not.' },
);

/** Of a listener. */
export const encryptionKeys = {
  tls: Type.Optional(ListenerTlsSchema),
  redirectToHttps: Type.Optional(
    Type.Union([Type.Boolean(), Type.Integer({ minimum: 1, maximum: 65_535 })], {
      description:
        'Answers every request with a redirect (308) to the same address with https, at this port; true = 443. Nothing is passed on then. Without it, or with false, nothing is redirected.',
    }),
  ),
};

export type ListenerTlsDocument = Static<typeof ListenerTlsSchema>;
