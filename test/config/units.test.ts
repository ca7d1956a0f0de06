import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalIp, formatAddress, readListenAddress, readTargetUrl } from '../../config/addresses.ts';
import { durationMsMax, formatDuration, formatSize, readDuration, readSize, readSizeLimit, sizeBytesMax } from '../../config/units.ts';
import { readPathPattern, readHostPattern } from '../../config/names.ts';
import type { Reading } from '../../config/reading.ts';

const valueOf = <T>(reading: Reading<T>): T | string => (reading.ok ? reading.value : reading.message);

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['365d', durationMsMax],
  ])('%s is %d ms', (text, ms) => {
    expect(valueOf(readDuration(text))).toBe(ms);
  });

  test.each([
    ['30', 'write 30s for seconds or 30ms for milliseconds'],
    ['30 s', 'write 30s'],
    ['30S', 'write 30s'],
    ['5min', 'write 5m'],
    ['90 minutes', 'write 90m'],
    ['1h30m', 'write 90m'],
    ['0.5s', 'write 500ms'],
    ['1 day', 'write 1d'],
    ['0.3ms', 'a whole number followed by ms, s, m, h or d'],
    ['-5s', 'a whole number followed by ms, s, m, h or d'],
    ['soon', 'a whole number followed by ms, s, m, h or d'],
    ['', 'a whole number followed by ms, s, m, h or d'],
    ['1w', 'a whole number followed by ms, s, m, h or d'],
  ])('for %j the operator reads: %s', (text, hint) => {
    expect(valueOf(readDuration(text))).toBe(`expected a duration such as 30s, found ${JSON.stringify(text)}; ${hint}`);
  });

  test.each([[366], [99_999_999_999]])('%d days are too long', (days) => {
    expect(valueOf(readDuration(`${days}d`))).toContain('at most 365d');
  });

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: durationMsMax }), (ms) => {
        expect(valueOf(readDuration(formatDuration(ms)))).toBe(ms);
      }),
    );
  });

  test('the hint can be typed', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,4}(\.[05])? ?(ms|sec|s|min|m|hours|h|d)$/), (text) => {
        const write = / write ([0-9a-z]+)/.exec(String(valueOf(readDuration(text))))?.[1] ?? '1s';
        expect({ write, ok: readDuration(write).ok }).toEqual({ write, ok: true });
      }),
    );
  });
});

describe('sizes', () => {
  test.each([
    ['0B', 0],
    ['512B', 512],
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['1GiB', 1_073_741_824],
    ['1024GiB', sizeBytesMax],
  ])('%s is %d bytes', (text, bytes) => {
    expect(valueOf(readSize(text))).toBe(bytes);
  });

  test.each([
    ['64k', 'write 64KiB for 65536 bytes or 64000B for 64000 bytes'],
    ['64KB', 'write 64KiB for 65536 bytes or 64000B for 64000 bytes'],
    ['1 M', 'write 1MiB for 1048576 bytes or 1000000B for 1000000 bytes'],
    ['2g', 'write 2GiB for 2147483648 bytes or 2000000000B for 2000000000 bytes'],
    ['64kib', 'write 64KiB'],
    ['100', 'write 100B for 100 bytes'],
    ['65536b', 'write 64KiB for 65536 bytes'],
    ['1.5MiB', 'a whole number followed by B, KiB, MiB or GiB'],
    ['much', 'a whole number followed by B, KiB, MiB or GiB'],
  ])('for %j the operator reads: %s', (text, hint) => {
    expect(valueOf(readSize(text))).toBe(`expected a size such as 64KiB, found ${JSON.stringify(text)}; ${hint}`);
  });

  test('a bare 0 is no limit, where there may be none', () => {
    expect(valueOf(readSizeLimit(0))).toBe(0);
    expect(readSize(0).ok).toBe(false);
  });

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sizeBytesMax }), (bytes) => {
        expect(valueOf(readSize(formatSize(bytes)))).toBe(bytes);
      }),
    );
  });
});

describe('addresses', () => {
  test.each([
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
    ['[::]:80', { host: '::', port: 80 }],
    ['[::1]:8081', { host: '::1', port: 8081 }],
    ['[FE80::1]:1', { host: 'fe80::1', port: 1 }],
    ['localhost:8080', { host: '127.0.0.1', port: 8080 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ])('listening on %s is %j', (text, address) => {
    expect(valueOf(readListenAddress(text))).toEqual(address);
  });

  test.each([
    '',
    ':',
    '8080',
    'localhost',
    '::1',
    '[::1]',
    '[nope]:80',
    ':99999',
    'a b:80',
    '127.0.0.1:80:90',
    '256.0.0.1:80',
    ':8080/',
    ':-1',
    ':8e1',
  ])('nobody can listen on %j', (text) => {
    expect(readListenAddress(text).ok).toBe(false);
  });

  test.each([
    ['http://10.0.0.7:3000', { host: '10.0.0.7', port: 3000 }],
    ['http://app', { host: 'app', port: 80 }],
    ['HTTP://App.Internal:81', { host: 'app.internal', port: 81 }],
    ['http://[fd00::7]:3000', { host: 'fd00::7', port: 3000 }],
    ['http://[::1]', { host: '::1', port: 80 }],
    ['http://my_app_1:3000', { host: 'my_app_1', port: 3000 }],
  ])('%s is the target %j', (text, address) => {
    expect(valueOf(readTargetUrl(text))).toEqual(address);
  });

  test.each([
    '',
    'http://',
    'http://:80',
    'http://a:b',
    'http://a:',
    'http://a b',
    'http://-a',
    'http://a..b',
    'http://10.0.0',
    'http://[::1',
    'http://a:65536',
    'http://a\n:80',
    'http://a\\b',
    'http://a%41',
    'http://[fe80::1%25eth0]:80',
  ])('%j is no target', (text) => {
    expect(readTargetUrl(text).ok).toBe(false);
  });

  test.each(['http://bob:hunter2@a', 'ftp://bob:hunter2@a', 'bob:hunter2@a:80', 'https://bob:hunter2@a'])(
    'a password in %s is not repeated',
    (text) => {
      expect(valueOf(readTargetUrl(text))).toMatch(/without user name and password/);
      expect(valueOf(readTargetUrl(text))).not.toContain('hunter2');
    },
  );

  test('the default id of a target can be typed again as its address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const address = { host: canonicalIp(host.toLowerCase()), port };
        expect(valueOf(readTargetUrl(`http://${formatAddress({ host, port })}`))).toEqual(address);
        expect(valueOf(readTargetUrl(`http://${formatAddress(address)}`))).toEqual(address);
      }),
    );
  });
});

describe('patterns of routes', () => {
  test.each(['', '*', '*.', '*.*.a', 'a*', '.a', 'a.', 'a:80', '[::1]:80', '::1', 'http://a', 'a/b', '10.0.0.256', 'a b', '*.[::1]'])(
    '%j is no host',
    (text) => {
      expect(readHostPattern(text).ok).toBe(false);
    },
  );

  test.each(['', '*', 'a', '/a*', '/a/*/b', '/*/', '/a?b', '/a#b', '/ü', '/a b', '//*', '/a\n', '/a/**'])('%j is no path', (text) => {
    expect(readPathPattern(text).ok).toBe(false);
  });

  test.each(['/', '/*', '/a', '/a/', '/a/*', '/a//b', '/%C3%BC/*', "/a!$&'()+,;=:@-._~b"])('%j is a path', (text) => {
    expect(readPathPattern(text).ok).toBe(true);
  });
});
