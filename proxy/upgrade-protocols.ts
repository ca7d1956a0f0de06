/** Which protocols a connection may be upgraded to (RFC 9110 section 7.8). */

const protocol = "[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?";
const protocolList = new RegExp(`^${protocol}(?:[ \\t]*,[ \\t]*${protocol})*$`);

/** HTTP by another name, and TLS, which HTTP is spoken in (RFC 2817): they would carry requests past every rule. */
const carriesRequests = /(?:^|[ \t,])(?:h[23]c?|https?|tls)(?![0-9a-z_])/i;

/** Whether the value of an Upgrade field is well-formed, and none of its protocols carries requests. */
export function mayUpgradeTo(protocols: string): boolean {
  return protocolList.test(protocols) && !carriesRequests.test(protocols);
}

/** Whether everything that the target has switched to was asked for: it must not choose for itself. */
export function wasAskedFor(asked: string, chosen: string): boolean {
  const names = namesIn(asked);
  return namesIn(chosen).every((name) => names.includes(name));
}

function namesIn(protocols: string): readonly string[] {
  return protocols.toLowerCase().split(/[ \t]*,[ \t]*/);
}
