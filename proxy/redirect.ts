import { Framing, type RequestHead, type ResponseHead } from './message.ts';

const httpsPort = 443;

/**
 * The answer to a request that must come again over https. 308, because that is the one permanent redirect that no client may turn into a
 * GET without body (RFC 9110 section 15.4.9). What is repeated of the request has been read: authority and target hold no control characters.
 */
export function redirectTo({ authority, target }: RequestHead, port: number): ResponseHead {
  const host = authority.replace(/:\d*$/, '');
  // `*` asks about the server as a whole, which has no other address.
  const path = target === '*' ? '/' : target;
  const fields = `location: https://${host}${port === httpsPort ? '' : `:${port}`}${path}\r\ncontent-length: 0\r\n`;
  return { status: 308, reason: 'Permanent Redirect', fields, framing: Framing.length, contentLength: 0, hasDate: false, version: '1.1' };
}
