// Asks a running server every example that the documents print and GraphiQL offers.
//
//   GRAPHQL_URL=http://127.0.0.1:8080/graphql TOKEN=cg_… node --test test/documents.test.js
//
// Made for `closegraph demo`: examples that change something change it.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Kind, parse, validate } from 'graphql';
import { createClient } from 'graphql-sse';
import { readSchema } from './fakeServer.js';

const url = process.env['GRAPHQL_URL'];
const token = process.env['TOKEN'];
assert.ok(url && token, 'GRAPHQL_URL and TOKEN must be set');

const ROOT = new URL('../../', import.meta.url);
const schema = await readSchema();

/** @typedef {{ title: string, text: string }} Example */

/** @param {string} path */
const read = (path) => readFile(new URL(path, ROOT), 'utf8');

/** @param {string} path */
const filesIn = async (path) => (await readdir(new URL(path, ROOT))).map((name) => `${path}${name}`);

/** The examples of a document, by the headings above them. @param {string} path @returns {Promise<Example[]>} */
async function examplesOf(path) {
  const examples = [];
  let heading = '';
  for (const [, title, text] of (await read(path)).matchAll(/^#+ ([^\n]+)$|^```graphql\n(.*?)^```$/gms)) {
    if (title) heading = title;
    if (text) examples.push({ title: `${path}, ${heading}`, text });
  }
  return examples;
}

/** @param {string} query @param {object} variables */
async function ask(query, variables) {
  const response = await fetch(url ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Values for the variables of all examples, from what is mirrored there. */
async function findVariables() {
  const { data, errors } = await ask(
    `{
      companies(first: 1, filter: { transactions: { some: {} }, name: { isNull: false } }) { nodes { closeId name } }
      receivables(first: 1, filter: { status: { eq: PAID } }) { nodes { id } }
      opportunities(first: 1, filter: { status: { eq: WON } }) { nodes { id } }
      connections { id }
      changes(first: 1) { nodes { cursor } }
    }`,
    {},
  );
  assert.equal(errors, undefined);
  return {
    closeId: data.companies.nodes[0].closeId,
    text: data.companies.nodes[0].name,
    invoice: data.receivables.nodes[0].id,
    deal: data.opportunities.nodes[0].id,
    connection: data.connections[0].id,
    after: data.changes.nodes[0].cursor,
  };
}

/** The first answer of a subscription. @param {string} query @param {Record<string, unknown>} variables */
async function firstPushed(query, variables) {
  const client = createClient({ url: url ?? '', headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
  try {
    const { value } = await client.iterate({ query, variables }).next();
    return value;
  } finally {
    client.dispose();
  }
}

/** Whether a root field found anything. @param {unknown} value @returns {boolean} */
function holdsSomething(value) {
  if (typeof value !== 'object' || value === null) return value !== null;
  return Object.keys('nodes' in value ? Object(value.nodes) : value).length > 0;
}

const DOCUMENTS = ['README.md', ...(await filesIn('docs/')).filter((name) => name.endsWith('.md'))];
const printed = (await Promise.all(DOCUMENTS.map(examplesOf))).flat();
const OFFERED = await filesIn('web/graphiql/examples/');
const offered = await Promise.all(OFFERED.map(async (title) => ({ title, text: await read(title) })));
const variables = await findVariables();

for (const { title, text } of [...printed, ...offered]) {
  const document = parse(text);
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  assert.ok(operation, title);
  test(`${title}: ${operation.name?.value ?? operation.operation}`, { timeout: 30_000 }, async () => {
    assert.deepEqual(validate(schema, document).map(String), []);
    const wanted = operation.variableDefinitions?.map(({ variable }) => variable.name.value) ?? [];
    const given = Object.fromEntries(Object.entries(variables).filter(([name]) => wanted.includes(name)));
    assert.deepEqual(Object.keys(given).sort(), wanted.sort(), 'a variable without a value');
    const { data, errors } =
      operation.operation === 'subscription' ? await firstPushed(text, given) : await ask(text, given);
    if (text.includes('…')) {
      // Ids that a reader has to fill in.
      assert.equal(errors?.[0]?.extensions.code, 'BAD_USER_INPUT');
    } else {
      assert.equal(errors, undefined);
      // On the first day of a year nothing has been won in it; the questions that have a name always find something.
      assert.ok(!operation.name || Object.values(data).some(holdsSomething), JSON.stringify(data));
    }
  });
}

test('the twelve questions are those that other tests answer in figures', async () => {
  const [, section = ''] = (await read('docs/graphql.md')).match(/^## The twelve questions\n(.*?)^## /ms) ?? [];
  const names = (/** @type {string} */ text) => [...text.matchAll(/^(?:query|subscription) (\w+)/gm)].map(([, name]) => name);
  const answered = await Promise.all((await filesIn('tests/queries/')).map(read));
  assert.equal(names(section).length, 12);
  assert.deepEqual(names(section).sort(), answered.flatMap(names).sort());
});
