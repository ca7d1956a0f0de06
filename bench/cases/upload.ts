import type { BenchCase } from '../case.ts';

/**
 * Moving bytes the other way. Stock nginx first saves the whole upload, to a file where it is larger than 16 KiB, and begins with the request
 * to the origin then; Sluice sends on what comes. The yardstick is the nginx that does the same (`proxy_request_buffering off`).
 */
export const upload: BenchCase = {
  name: 'upload',
  title: '1 MiB uploads, 16 connections',
  connections: 16,
  method: 'POST',
  bodyBytes: 1024 * 1024,
  answerBytes: 100,
  targets: [{ figure: 'cpuUs', against: 'nginx-unbuffered', limit: 1 }],
};
