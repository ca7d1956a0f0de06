import type { BenchCase } from '../case.ts';
import { large } from './large.ts';
import { small } from './small.ts';
import { sticky } from './sticky.ts';

export const cases: readonly BenchCase[] = [small, large, sticky];
