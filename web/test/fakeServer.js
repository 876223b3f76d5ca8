// Stands in for the closegraph binary: the built page under /graphiql/, a form at /sign-in that gives a cookie, and a
// /graphql that wants the token or the cookie, checks every document against the schema and gives one canned answer.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, graphql, parse, validate } from 'graphql';

const DIST = fileURLToPath(new URL('../dist/graphiql', import.meta.url));
const SCHEMA = fileURLToPath(new URL('../../api/schema.graphql', import.meta.url));

const TYPES = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
});

/** What closegraph sends with the page; loosening it there must be a decision here too. */
export const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; " +
  "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; " +
  "base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const money = { amount: '1000.00', minorUnits: '100000', currency: 'USD', formatted: '$1,000.00' };
const WON_REVENUE = {
  revenue: [
    { currency: 'USD', total: money, count: 1, averageDeal: money, previous: { total: money, count: 1, change: 0 } },
  ],
  transactions: {
    totalCount: 1,
    totals: [money],
    nodes: [
      {
        closeId: 'oppo_1',
        occurredOn: '2026-10-01',
        amount: money,
        billingPeriod: 'ONE_TIME',
        company: { name: 'Bluth Company', sourceUrl: 'https://close.example/lead_1' },
      },
    ],
    pageInfo: { hasNextPage: false, endCursor: null },
  },
};

const COOKIE = 'closegraph=test_only_session';
const FORM = `<!doctype html><link rel="icon" href="graphiql/favicon.svg" /><form method="post" action="sign-in"><label for="token">API token</label><input id="token" name="token" />
  <button>Sign in</button></form>`;

/** The API's own schema, as it is committed. */
export async function readSchema() {
  return buildSchema(await readFile(SCHEMA, 'utf8'));
}

/**
 * @param {string} token the only one that is let in
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function startFakeServer(token) {
  const schema = await readSchema();

  /** @param {import('node:http').IncomingMessage} request @returns {Promise<{ status: number, answer: unknown }>} */
  async function answerQuery(request) {
    const bearer = request.headers.authorization;
    if (bearer === undefined ? !isSignedIn(request) : bearer !== `Bearer ${token}`) {
      return { status: 401, answer: { errors: [{ message: 'This token is unknown or has expired.' }] } };
    }
    const { query } = JSON.parse(await readBody(request));
    const document = parse(query);
    const errors = validate(schema, document);
    if (errors.length > 0) return { status: 400, answer: { errors } };
    return { status: 200, answer: await graphql({ schema, source: query, rootValue: WON_REVENUE }) };
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async function signIn(request, response) {
    const given = new URLSearchParams(request.method === 'POST' ? await readBody(request) : '').get('token');
    if (given === token) {
      const cookie = `${COOKIE}; HttpOnly; SameSite=Strict; Path=/`;
      return response.writeHead(303, { location: 'graphiql/', 'set-cookie': cookie }).end();
    }
    const refusal = given === null ? '' : '<p role="alert">This token is unknown or has expired.</p>';
    const type = { 'content-type': 'text/html; charset=utf-8' };
    return response.writeHead(given === null ? 200 : 401, type).end(FORM + refusal);
  }

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://fake');
    try {
      if (pathname === '/graphql') {
        const { status, answer } = await answerQuery(request);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      } else if (pathname === '/sign-in') {
        await signIn(request, response);
      } else if (pathname === '/session') {
        const session = isSignedIn(request) ? { name: 'test', role: 'admin' } : null;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ session }));
      } else if (pathname === '/sign-out') {
        response.writeHead(204, { 'set-cookie': `${COOKIE}; Max-Age=0; Path=/` }).end();
      } else if (pathname === '/graphiql') {
        response.writeHead(308, { location: '/graphiql/' }).end();
      } else {
        const file = normalize(pathname.replace(/^\/graphiql\//, '')) || 'index.html';
        const name = file === '.' ? 'index.html' : file;
        const body = await readFile(join(DIST, name));
        const type = TYPES[extname(name)] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type, 'content-security-policy': CSP }).end(body);
      }
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** @param {import('node:http').IncomingMessage} request */
function isSignedIn(request) {
  return (request.headers.cookie ?? '').split('; ').includes(COOKIE);
}

/** @param {import('node:http').IncomingMessage} request */
async function readBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
