// Connects Close by its MCP server as a person does: the command prints an address, the person opens it in a real browser, sees
// who asks for what, and decides. BINARIES is the folder of closegraph and close-sim.
//
//   BINARIES=../target/debug node --test test/connect.test.js
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { launchBrowser } from './browser.js';

const BINARIES = process.env['BINARIES'];
assert.ok(BINARIES, 'BINARIES must be set');
const PATIENCE = 60_000;

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {{ mcp_url: string, control_url: string }} */
let close;
/** @type {string} */
let folder;
/** @type {Record<string, string>} */
let variables;
/** @type {import('node:child_process').ChildProcess[]} */
const running = [];
/** What commands said and pages showed. @type {string[]} */
const said = [];

/** A port of this machine that is free. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/**
 * @param {string} name
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
function start(name, args, options) {
  const child = spawn(resolve(BINARIES ?? '', name), args, options);
  running.push(child);
  return child;
}

/** @param {string} url */
async function isReady(url) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  assert.fail(`${url} is not ready: ${await readFile(join(folder, 'serve.log'), 'utf8')}`);
}

before(async () => {
  browser = await launchBrowser();
  folder = await mkdtemp(join(tmpdir(), 'closegraph-connect-'));
  const sim = start('close-sim', ['serve', '--json', '--listen', '127.0.0.1:0', '--leads', '20', '--traffic', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(sim.stdout);
  const [line] = await once(createInterface(sim.stdout), 'line');
  close = JSON.parse(line);

  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  variables = {
    PATH: process.env['PATH'] ?? '',
    CLOSEGRAPH_POSTGRES_DATA_DIR: folder,
    CLOSEGRAPH_HTTP_LISTEN: `127.0.0.1:${port}`,
    CLOSEGRAPH_HTTP_PUBLIC_URL: address,
    // As much as can be logged: nothing of it may be a secret.
    CLOSEGRAPH_LOG_FILTER: 'debug',
  };
  const log = openSync(join(folder, 'serve.log'), 'a');
  start('closegraph', ['serve'], { env: variables, stdio: ['ignore', log, log] });
  await isReady(`${address}/readyz`);
});

after(async () => {
  await browser?.close();
  for (const child of running.reverse()) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, 'exit');
    }
  }
  if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Asks for access by command: the address that a person is to open, and how it ends. @param {string[]} more */
async function ask(...more) {
  const args = ['connect', 'close', '--mcp', '--no-browser', '--json', '--mcp-url', close.mcp_url, ...more];
  const child = start('closegraph', args, { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  /** @type {(url: string) => void} */
  let print = () => {};
  /** @type {Promise<string>} */
  const printed = new Promise((done) => (print = done));
  assert.ok(child.stdout && child.stderr);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      if (/^http:\/\/\S+$/.test(line.trim())) print(line.trim());
      else told += `${line}\n`;
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    said.push(told);
    return { code, told };
  });
  const url = await Promise.race([printed, ended.then(({ told }) => assert.fail(`no address was printed: ${told}`))]);
  return { url, ended };
}

/** A page of its own, and what went wrong on it. */
async function newPage() {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  const simulated = new URL(close.mcp_url).origin;
  page.on('console', (message) => {
    // A refusal is a page with the status 400, which the console repeats.
    const isOurs = !message.location().url.startsWith(simulated) && !/status of 400/.test(message.text());
    if (message.type() === 'error' && isOurs) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  return { page, faults };
}

/** @param {import('playwright-core').Page} page @param {'Allow' | 'Deny'} decision */
async function decide(page, decision) {
  await page.getByRole('heading', { name: /asks for access/ }).waitFor();
  assert.deepEqual(await page.getByRole('listitem').allInnerTexts(), ['mcp.read', 'offline_access']);
  await page.getByRole('button', { name: decision }).click();
  return shown(page);
}

/** What a page of Closegraph shows. @param {import('playwright-core').Page} page */
async function shown(page) {
  const text = await page.locator('p').first().innerText();
  said.push(await page.content());
  return text;
}

/** @param {Record<string, unknown>} behaviour */
async function behave(behaviour) {
  const answer = await fetch(`${close.control_url}oauth`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(behaviour),
  });
  assert.ok(answer.ok, await answer.text());
}

test('what a person denies connects nothing, and both the page and the command say so', async () => {
  const { url, ended } = await ask();
  const { page, faults } = await newPage();
  await page.goto(url);
  assert.match(await decide(page, 'Deny'), /access was denied in Close: nothing is connected/);
  const { code, told } = await ended;
  assert.equal(code, 1);
  assert.match(told, /access was denied in Close/);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('a code that comes too late connects nothing', async () => {
  await behave({ code_seconds: 0 });
  const { url, ended } = await ask();
  const { page, faults } = await newPage();
  await page.goto(url);
  assert.match(await decide(page, 'Allow'), /The code has expired/);
  const { code, told } = await ended;
  assert.equal(code, 1);
  assert.match(told, /The code has expired/);
  await behave({ code_seconds: 60 });
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('an answer with a state that nobody made is refused, and the right one is still waited for', async () => {
  const { url, ended } = await ask();
  const callback = new URL(new URL(url).searchParams.get('redirect_uri') ?? '');
  callback.search = '?code=guessed&state=guessed';
  const { page, faults } = await newPage();
  await page.goto(callback.href);
  assert.match(await shown(page), /no request for access that was made here/);
  await page.goto(url);
  assert.match(await decide(page, 'Allow'), /is connected\. You can close this page/);
  const { code, told } = await ended;
  assert.equal(code, 0, told);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('a server takes an answer once: opened again, the page says that it was used', async () => {
  const { url, ended } = await ask('--via-server');
  const { page, faults } = await newPage();
  await page.goto(url);
  assert.match(await decide(page, 'Allow'), /is connected/);
  assert.equal((await ended).code, 0);
  const policy = (await page.reload())?.headers()['content-security-policy'];
  assert.match(policy ?? '', /default-src 'none'/);
  assert.match(await shown(page), /was answered before/);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('access that is taken back in Close is asked for anew, and told nowhere', async () => {
  const taken = await fetch(`${close.control_url}oauth`, { method: 'DELETE' });
  assert.ok(taken.ok);
  const { url, ended } = await ask();
  const { page, faults } = await newPage();
  await page.goto(url);
  assert.match(await decide(page, 'Allow'), /is connected/);
  const { code, told } = await ended;
  assert.equal(code, 0);
  assert.match(told, /"renewed":true/);
  assert.deepEqual(faults, []);
  await page.context().close();

  const { secrets } = await (await fetch(`${close.control_url}oauth`)).json();
  assert.ok(secrets.length > 5, `${secrets.length} secrets were given`);
  const log = await readFile(join(folder, 'serve.log'), 'utf8');
  for (const secret of secrets) {
    assert.ok(!log.includes(secret), 'the log holds a secret');
    assert.ok(!said.some((text) => text.includes(secret)), 'a page or a command told a secret');
  }
});
