import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LineWriter } from '../../src/telemetry/access-log.ts';

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lines-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A named pipe with both of its ends, so that nobody waits for the other at the open. */
function openPipe(): { readonly fd: number; read(): string } {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  onTestFinished(() => {
    closeSync(reader);
    closeSync(writer);
  });
  return {
    fd: writer,
    read() {
      const chunk = Buffer.alloc(1024 * 1024);
      let text = '';
      for (;;) {
        try {
          const length = readSync(reader, chunk);
          if (length === 0) return text;
          text += chunk.toString('utf8', 0, length);
        } catch {
          return text;
        }
      }
    },
  };
}

const describeDropped = (count: number) => `dropped ${count}`;

test('lines reach a file whole and in order, at the latest when the writer is closed', () => {
  const file = join(temporaryDirectory(), 'log');
  const fd = openSync(file, 'a');
  onTestFinished(() => closeSync(fd));
  const writer = new LineWriter({ fd, describeDropped });
  for (let line = 0; line < 1000; line++) writer.write(`line ${line}`);
  writer.writeEvent('an event\n');
  writer.close();
  expect(readFileSync(file, 'utf8').split('\n')).toEqual([...Array.from({ length: 1000 }, (_, line) => `line ${line}`), 'an event', '']);
});

test('an event leaves in the turn in which it happens, with the lines before it', () => {
  const pipe = openPipe();
  const writer = new LineWriter({ fd: pipe.fd, describeDropped });
  writer.write('a request');
  expect(pipe.read()).toBe('');
  writer.writeEvent('an event');
  expect(pipe.read()).toBe('a request\nan event\n');
});

test('a reader that does not read blocks nobody: lines are dropped, counted, and the count is told', () => {
  const pipe = openPipe();
  const writer = new LineWriter({ fd: pipe.fd, describeDropped, pendingMax: 64 * 1024 });
  const line = 'x'.repeat(999);
  const startedAt = performance.now();
  for (let count = 0; count < 10_000; count++) writer.write(line);
  expect(performance.now() - startedAt).toBeLessThan(1000);

  let text = '';
  for (let more = pipe.read(); more !== ''; more = pipe.read()) {
    text += more;
    writer.flush();
  }
  const lines = text.split('\n').slice(0, -1);
  const told = lines.filter((entry) => entry.startsWith('dropped'));
  expect(told).toHaveLength(1);
  expect(lines.filter((entry) => entry === line)).toHaveLength(10_000 - Number(told[0]!.slice('dropped '.length)));
  expect(lines).toHaveLength(10_001 - Number(told[0]!.slice('dropped '.length)));
});

test('there is room for events where access lines are dropped', () => {
  const pipe = openPipe();
  const writer = new LineWriter({ fd: pipe.fd, describeDropped, pendingMax: 64 * 1024 });
  for (let count = 0; count < 10_000; count++) writer.write('x'.repeat(999));
  writer.writeEvent('an event');
  let text = '';
  for (let more = pipe.read(); more !== ''; more = pipe.read()) {
    text += more;
    writer.flush();
  }
  expect(text).toContain('\nan event\n');
});

test('nobody reads any more: what is written goes nowhere, quietly', () => {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  onTestFinished(() => closeSync(fd));
  const writer = new LineWriter({ fd, describeDropped });
  closeSync(reader);
  writer.writeEvent('an event');
  for (let count = 0; count < 10_000; count++) writer.write('x'.repeat(999));
  expect(() => writer.close()).not.toThrow();
});

test('several processes write to one pipe, and no line is torn', async () => {
  const script = `
    import { LineWriter } from ${JSON.stringify(new URL('../../src/telemetry/access-log.ts', import.meta.url).href)};
    const writer = new LineWriter({ fd: 1, describeDropped: () => 'dropped' });
    const [name] = process.argv.slice(1);
    for (let round = 0; round < 40; round++) {
      for (let line = 0; line < 100; line++) writer.write(JSON.stringify({ name, line, fill: name.repeat(50 + ((line * 37) % 300)) }));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    writer.close();
  `;
  const shell = `for name in a b c; do "$0" --input-type=module -e "$1" $name & done; wait`;
  const child = spawn('sh', ['-c', shell, process.execPath, script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const lines = text.split('\n').slice(0, -1);
  expect(lines.length).toBe(3 * 40 * 100);
  for (const line of lines) {
    const { name, fill } = JSON.parse(line);
    expect(fill).toBe(name.repeat(fill.length));
  }
});
