// Asks a running server whether it is GraphQL over HTTP, by the audits of the package graphql-http:
//
//   GRAPHQL_URL=http://127.0.0.1:8080/graphql TOKEN=cg_… node --test test/audit.test.js
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverAudits } from 'graphql-http';

const url = process.env['GRAPHQL_URL'];
const token = process.env['TOKEN'];
assert.ok(url && token, 'GRAPHQL_URL and TOKEN must be set');

/** The audits ask as anybody would; the server wants to know who. @type {typeof fetch} */
const fetchFn = (input, init) =>
  fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } });

const audits = serverAudits({ url, fetchFn });

test('there are as many audits as ever', () => {
  const count = (/** @type {string} */ word) => audits.filter(({ name }) => name.startsWith(word)).length;
  assert.deepEqual([count('MUST'), count('SHOULD'), count('MAY')], [13, 23, 25]);
});

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, 'ok', 'reason' in result ? result.reason : undefined);
  });
}
