/**
 * The path as routes see it: percent-encoded unreserved characters decoded, the digits of what stays encoded in upper case, and dot segments
 * removed (RFC 3986 section 6.2.2), so that `/%61pi/../admin` cannot slip past a rule for `/admin`, nor `/a%2fb` past one for `/a%2Fb`. The
 * target still gets what the client sent. A pattern that this function changes would never match.
 */
export function routablePath(path: string): string {
  if (!mayNeedWork.test(path)) return path;
  const decoded = path.replace(encodedOctet, (octet, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return unreserved.test(character) ? character : octet.toUpperCase();
  });
  return decoded.includes('/.') ? withoutDotSegments(decoded) : decoded;
}

const mayNeedWork = /%|\/\./;
const encodedOctet = /%([0-9a-f]{2})/gi;
const unreserved = /[a-z0-9._~-]/i;

/** RFC 3986 section 5.2.4, on whole segments. */
function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (last && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
