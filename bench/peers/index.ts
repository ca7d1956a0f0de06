import type { Peer } from '../peer.ts';
import { caddy } from './caddy.ts';
import { fastProxyPeer } from './fast-proxy.ts';
import { haproxy } from './haproxy.ts';
import { httpProxy3 } from './http-proxy-3.ts';
import { nginx, nginxLargeBuffers, nginxUnbuffered } from './nginx.ts';
import { nodeUndici } from './node-undici.ts';
import { sluice, sluiceOneProcess, sluicePlain } from './sluice.ts';

/** The peer that the ratio columns compare with. */
export const yardstick = nginx.name;

/** In the order of a round and of the table. */
export const peers: readonly Peer[] = [
  nginx,
  nginxLargeBuffers,
  nginxUnbuffered,
  sluice,
  sluiceOneProcess,
  sluicePlain,
  haproxy,
  caddy,
  nodeUndici,
  fastProxyPeer,
  httpProxy3,
];
