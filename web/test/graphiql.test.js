// Drives GraphiQL in a real browser. By itself it serves the built page from a stand-in for closegraph;
// against a running server:
//
//   GRAPHIQL_URL=http://127.0.0.1:8080/graphiql TOKEN=cg_… node --test test/graphiql.test.js
//
// CHROMIUM names the browser (default: the first found); SCREENSHOT the picture of the answered question.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser.js';
import { startFakeServer } from './fakeServer.js';

const SCREENSHOT = process.env['SCREENSHOT'] ?? fileURLToPath(new URL('../test-results/graphiql.png', import.meta.url));
const PATIENCE = 20_000;

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {{ url: string, token: string, close: () => Promise<void> }} */
let target;

before(async () => {
  const url = process.env['GRAPHIQL_URL'];
  if (url === undefined) {
    const token = 'cg_test_only';
    const fake = await startFakeServer(token);
    target = { url: `${fake.url}/graphiql`, token, close: fake.close };
  } else {
    const token = process.env['TOKEN'];
    assert.ok(token, 'TOKEN must be set beside GRAPHIQL_URL');
    target = { url, token, close: async () => {} };
  }
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await target?.close();
});

/**
 * A page in a browser profile of its own, and what went wrong on it: a request to another host, an error in the
 * console (a violation of the content security policy is one), an uncaught exception.
 */
async function newPage() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const home = new URL(target.url).host;
  /** @type {string[]} */
  const faults = [];
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http') && host !== home) faults.push(`request to ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  return { page, faults };
}

/** Presses play and returns what the server answered. @param {import('playwright-core').Page} page */
async function run(page) {
  // Before its editor stands, play has nothing to send.
  await page.locator('.graphiql-query-editor .view-line').getByText('revenue').first().waitFor();
  const answered = page.waitForResponse(
    (response) =>
      new URL(response.url()).pathname.endsWith('/graphql') &&
      !(response.request().postData() ?? '').includes('IntrospectionQuery'),
  );
  // An answer that comes before the editors stand is not shown.
  await page.locator('.result-window .monaco-editor').waitFor();
  await page.getByRole('button', { name: /Execute query/ }).click();
  return (await answered).json();
}

/**
 * Waits until the response pane shows `text`; where it doesn't, says what it shows.
 * @param {import('playwright-core').Page} page
 * @param {string} text
 */
async function waitForAnswer(page, text) {
  const pane = page.locator('.result-window');
  try {
    await pane.getByText(text).first().waitFor();
  } catch {
    assert.fail(`the response pane shows ${JSON.stringify(await pane.innerText())}`);
  }
}

describe('GraphiQL', () => {
  test('a link with a token opens on won revenue this quarter, and play answers it', async () => {
    const { page, faults } = await newPage();
    const loaded = await page.goto(`${target.url}#token=${target.token}`);
    assert.match(loaded?.headers()['content-security-policy'] ?? '', /default-src 'self'/);
    assert.equal(new URL(page.url()).hash, '', 'the token is gone from the address bar');
    await page.getByRole('tab', { name: 'WonRevenueThisQuarter', selected: true }).waitFor();

    const answer = await run(page);
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
    assert.ok(Array.isArray(answer.data.revenue));
    assert.ok(Array.isArray(answer.data.transactions.nodes));
    // The first field that is asked for is the first of the answer: further ones may be out of view.
    await waitForAnswer(page, '"revenue"');
    await mkdir(dirname(SCREENSHOT), { recursive: true });
    await page.screenshot({ path: SCREENSHOT });
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  test('the documentation and the examples are one click away', async () => {
    const { page, faults } = await newPage();
    await page.goto(`${target.url}#token=${target.token}`);
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.getByText('revenue', { exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Show Examples' }).click();
    const open = page.getByRole('button', { name: /^Sync health/ });
    await open.click();
    await page.getByRole('tab', { name: 'SyncHealth', selected: true }).waitFor();

    await page.getByRole('button', { name: 'Close Tab' }).last().click();
    await open.click();
    await page.getByRole('tab', { name: 'SyncHealth', selected: true }).waitFor();
    assert.deepEqual(faults, []);
    await page.context().close();
  });

  test('without a token nothing is asked until one is pasted, and a refused one brings the bar back', async () => {
    const { page, faults } = await newPage();
    let posts = 0;
    page.on('request', (request) => {
      if (request.method() === 'POST') posts += 1;
    });
    await page.goto(target.url);
    const box = page.getByLabel(/Paste an API token/);
    await box.waitFor();
    await page.getByRole('button', { name: /Execute query/ }).waitFor();
    assert.equal(posts, 0);

    await box.fill('cg_wrong');
    await page.getByRole('button', { name: 'Use it' }).click();
    const reason = page.locator('.bar').getByRole('alert');
    await reason.waitFor();
    assert.notEqual((await reason.textContent())?.trim(), '');

    await page.locator('#token').fill(`  Bearer ${target.token} `);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByRole('button', { name: 'Forget' }).waitFor();
    const answer = await run(page);
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));

    await page.reload();
    await page.getByRole('button', { name: 'Forget' }).click();
    await box.waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    // The browser reports the refused request in the console by itself; nothing else may have gone wrong.
    assert.deepEqual(faults.filter((fault) => !fault.includes('status of 401')), []);
    await page.context().close();
  });

  test('who signs in by the form needs no token, and sees who they are until they sign out', async () => {
    const { page, faults } = await newPage();
    await page.goto(new URL('sign-in', target.url).href);
    await page.getByLabel('API token').fill('cg_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('API token').fill(target.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/graphiql\/$/);

    await page.locator('.bar').getByText(/^Signed in as .+ \(admin\)$/).waitFor();
    assert.equal(await page.getByLabel(/Paste an API token/).count(), 0);
    assert.equal(await page.evaluate(() => document.cookie + sessionStorage.length), '0', 'no script knows a secret');
    const answer = await run(page);
    assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel(/Paste an API token/).waitFor();
    assert.deepEqual(await page.context().cookies(), []);
    assert.deepEqual(faults.filter((fault) => !fault.includes('status of 401')), []);
    await page.context().close();
  });
});
