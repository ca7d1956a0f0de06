/** So many may always be under way: of a few requests in flight the share would be none. */
export const retriesAlways = 3;

/**
 * Whether one more request may be sent a second time. What is sent twice is work done twice, and a pool that is slow because it has too much
 * to do would be given more by every time-out: so those under way at a time are bounded by a share of all that is.
 * @param retrying requests that were sent again and are not over, whole
 * @param inFlight all requests that are not over, these included
 * @param share 0 to 1
 */
export function mayRetry(retrying: number, inFlight: number, share: number): boolean {
  // A share is a decimal fraction, and 29% of 100 must not be 28 because of how such fractions are kept.
  return retrying < Math.max(retriesAlways, Math.floor(inFlight * share + 1e-9));
}
