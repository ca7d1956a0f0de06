import type { BenchCase } from '../case.ts';
import { connect } from './connect.ts';
import { headers } from './headers.ts';
import { idle } from './idle.ts';
import { large } from './large.ts';
import { log } from './log.ts';
import { medium } from './medium.ts';
import { rate } from './rate.ts';
import { small } from './small.ts';
import { sticky } from './sticky.ts';
import { thousand, thousandOne } from './thousand.ts';
import { tls } from './tls.ts';
import { upload } from './upload.ts';
import { workers } from './workers.ts';

/** In the order of the page. */
export const cases: readonly BenchCase[] = [
  small,
  headers,
  medium,
  large,
  upload,
  connect,
  tls,
  log,
  sticky,
  thousand,
  thousandOne,
  idle,
  rate,
  workers,
];
