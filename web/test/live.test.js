// Follows what changes on a running server, by the clients that frontends use: graphql-ws and graphql-sse.
//
//   GRAPHQL_URL=http://127.0.0.1:8080/graphql TOKEN=cg_… node --test test/live.test.js
//
// Something has to change there by itself, as in `closegraph demo`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient as createEvents } from 'graphql-sse';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.env['GRAPHQL_URL'];
const token = process.env['TOKEN'];
assert.ok(url && token, 'GRAPHQL_URL and TOKEN must be set');

const SUBSCRIPTION =
  'subscription Live($after: String) { changes(after: $after) { cursor closeId action record { __typename } } }';
const QUESTION = 'query ($after: String) { changes(after: $after, first: 500) { nodes { cursor } pageInfo { endCursor } } }';

/** @typedef {{ cursor: string, closeId: string }} Change */

const viaSocket = () => {
  const client = createSocket({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
  });
  return { client, close: () => client.dispose() };
};

const viaEvents = () => {
  const client = createEvents({ url, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
  return { client, close: async () => client.dispose() };
};

/**
 * The first changes behind a cursor.
 * @param {() => { client: { iterate: Function }, close: () => unknown }} via
 * @param {string | undefined} after
 * @param {number} count
 */
async function follow(via, after, count) {
  const { client, close } = via();
  /** @type {Change[]} */
  const changes = [];
  for await (const { data, errors } of client.iterate({ query: SUBSCRIPTION, variables: { after } })) {
    assert.equal(errors, undefined);
    changes.push(data.changes);
    if (changes.length === count) break;
  }
  await close();
  return changes;
}

/** @param {string | undefined} after */
async function ask(after) {
  const response = await fetch(url ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: QUESTION, variables: { after } }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data.changes;
}

/** Where the feed ends now. */
async function end() {
  let after;
  for (;;) {
    const page = await ask(after);
    after = page.pageInfo.endCursor;
    if (page.nodes.length < 500) return after;
  }
}

const PATIENCE = { timeout: 120_000 };

test('a change is pushed over a socket', PATIENCE, async () => {
  const [change] = await follow(viaSocket, undefined, 1);
  assert.ok(change?.cursor && change.closeId);
});

for (const [name, first, second] of /** @type {const} */ ([
  ['two sockets', viaSocket, viaSocket],
  ['two streams of events', viaEvents, viaEvents],
  ['a socket and a stream of events', viaSocket, viaEvents],
])) {
  test(`${name} in turns lose nothing and repeat nothing`, PATIENCE, async () => {
    const start = await end();
    const seen = await follow(first, start, 3);
    seen.push(...(await follow(second, seen.at(-1)?.cursor, 3)));
    const asked = (await ask(start)).nodes.slice(0, seen.length);
    assert.deepEqual(
      seen.map(({ cursor }) => cursor),
      asked.map((/** @type {Change} */ { cursor }) => cursor),
    );
  });
}
