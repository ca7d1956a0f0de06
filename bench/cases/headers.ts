import type { BenchCase } from '../case.ts';

/** Browsers behind a single sign-on with a dozen trackers send heads like these: what reading, checking and copying fields costs. */
export const headers: BenchCase = {
  name: 'headers',
  title: '64 fields in requests (4 KB), 32 in answers, 100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  answerFields: 32,
  headers: requestFields(),
  targets: [{ figure: 'cpuUs', against: 'nginx', limit: 1.5 }],
};

/** 63, for the load tool sends Host itself. `x-bench-last` is the one that the check before the contest looks for at the origin. */
function requestFields(): Record<string, string> {
  const fields: Record<string, string> = {
    'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'accept-language': 'en-GB,en;q=0.9,de;q=0.8',
    'cache-control': 'no-cache',
    authorization: `Bearer ${'eyJhbGciOiJFUzI1NiJ9'.repeat(20)}`,
    cookie: `session=${'0123456789abcdef'.repeat(4)}; theme=dark; consent=${'yes-'.repeat(60)}`,
    referer: 'https://shop.example/catalogue/chairs?colour=green&page=12',
  };
  for (let index = 0; index < 55; index += 1) fields[`x-bench-field-${index}`] = 'a value of a header'.slice(0, 8 + (index % 12)).repeat(2);
  return { ...fields, 'x-bench-last': 'arrived' };
}
