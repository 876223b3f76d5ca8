// Signs in with an OpenID Connect provider in a real browser: pages of two sites, whose cookies the browser keeps apart.
//
//   CLOSEGRAPH=target/debug/closegraph node --test test/openid.test.js
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launchBrowser } from './browser.js';

const PROGRAM = process.env['CLOSEGRAPH'];
assert.ok(PROGRAM, 'CLOSEGRAPH must name the program');

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {import('node:http').Server} */
let provider;
/** @type {import('node:child_process').ChildProcess} */
let demo;
/** Where the provider is, and where closegraph is: to a browser these are different sites. */
let issuer = '';
let home = '';

/** @param {import('node:http').Server} server @param {string} host */
async function listen(server, host) {
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A provider that knows one person, who allows what is asked by a click. */
function createProvider() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' };
  /** @param {unknown} value */
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  let nonce = '';

  /** @param {URL} asked @returns {unknown} */
  function answer({ pathname }) {
    const now = Math.floor(Date.now() / 1000);
    const person = { iss: issuer, sub: 'ann', aud: 'closegraph', iat: now, exp: now + 60, nonce, groups: ['crm'] };
    const signed = `${encode({ alg: 'RS256', kid: 'one' })}.${encode(person)}`;
    const signature = sign('sha256', Buffer.from(signed), privateKey).toString('base64url');
    return {
      '/.well-known/openid-configuration': {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
      '/keys': { keys: [key] },
      '/token': { access_token: 'of-no-use', token_type: 'Bearer', id_token: `${signed}.${signature}` },
    }[pathname];
  }

  return createServer((request, response) => {
    const asked = new URL(request.url ?? '/', issuer);
    const found = answer(asked);
    if (asked.pathname === '/authorize') {
      nonce = asked.searchParams.get('nonce') ?? '';
      const back = new URL(asked.searchParams.get('redirect_uri') ?? '');
      back.search = new URLSearchParams({ code: 'one', state: asked.searchParams.get('state') ?? '' }).toString();
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<a href="${back.href.replaceAll('&', '&amp;')}">Allow</a>`);
    } else if (found === undefined) {
      response.writeHead(404).end();
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
    }
  });
}

before(async () => {
  provider = createProvider();
  issuer = `http://localhost:${await listen(provider, 'localhost')}`;
  const free = createServer();
  const port = await listen(free, '127.0.0.1');
  free.close();
  await once(free, 'close');
  home = `http://127.0.0.1:${port}`;
  const setting = 'CLOSEGRAPH_SIGN_IN_OPENID_CONNECT';
  demo = spawn(PROGRAM, ['demo', '--leads', '20', '--json', '--port', String(port)], {
    env: {
      ...process.env,
      CLOSEGRAPH_HTTP_PUBLIC_URL: home,
      [`${setting}_ISSUER`]: issuer,
      [`${setting}_CLIENT_ID`]: 'closegraph',
      [`${setting}_ROLES`]: 'crm=viewer',
      [`${setting}_LABEL`]: 'Example',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(demo.stdout);
  // Its one line of JSON says that it is ready.
  await Promise.race([
    once(demo.stdout, 'data'),
    once(demo, 'exit').then(() => assert.fail('the demo did not get ready')),
  ]);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  if (demo?.exitCode === null && demo.kill('SIGTERM')) await once(demo, 'exit');
  provider?.close();
  provider?.closeAllConnections();
});

/** What a socket to closegraph hears first, or how it is closed. @param {import('playwright-core').Page} page */
function socket(page) {
  return page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, 'graphql-transport-ws');
        socket.onopen = () => socket.send('{"type":"connection_init"}');
        socket.onmessage = ({ data }) => resolve(data);
        socket.onclose = ({ code }) => resolve(code);
      }),
    `${home.replace('http', 'ws')}/graphql`,
  );
}

test('who allows it at the provider is signed in, and other pages have nothing of it', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${home}/sign-in`);
  await page.getByRole('link', { name: 'Sign in with Example' }).click();
  await page.getByRole('link', { name: 'Allow' }).click();
  await page.waitForURL(`${home}/graphiql/`);
  await page.locator('.bar').getByText(`Signed in as ann of ${issuer} (viewer)`).waitFor();
  const cookies = await context.cookies();
  assert.deepEqual(
    cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })),
    [{ name: 'closegraph', httpOnly: true, sameSite: 'Strict' }],
  );
  assert.equal(await socket(page), '{"type":"connection_ack"}');

  const other = await context.newPage();
  // A page of the same host, so that the browser sends the cookie, and one of another.
  const neighbour = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'));
  const near = `http://127.0.0.1:${await listen(neighbour, '127.0.0.1')}`;
  for (const site of [near, near.replace('127.0.0.1', 'localhost')]) {
    if (site === near) await other.goto(site);
    else await other.goto(`${issuer}/authorize?redirect_uri=${issuer}`);
    assert.equal(await socket(other), 4403, site);
    const asked = await other.evaluate(
      async (url) =>
        (await fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => undefined))?.type,
      `${home}/sign-out`,
    );
    assert.notEqual(asked, 'basic', 'nothing of the answer is told');
  }
  neighbour.close();
  neighbour.closeAllConnections();
  await page.reload();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel(/Paste an API token/).waitFor();

  await page.goto(`${home}/sign-in/openid-connect/callback?code=one&state=guessed`);
  assert.match(await page.getByRole('alert').innerText(), /not begun in this browser/);
  await page.getByRole('link', { name: 'Back to the sign-in' }).click();
  await page.waitForURL(`${home}/sign-in`);
});
