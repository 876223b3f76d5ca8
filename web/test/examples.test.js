// Every example that GraphiQL offers is a question which the API's schema knows.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse, validate } from 'graphql';
import { readSchema } from './fakeServer.js';

const EXAMPLES = new URL('../graphiql/examples/', import.meta.url);
const schema = await readSchema();

for (const name of await readdir(EXAMPLES)) {
  test(`${name} is valid against api/schema.graphql`, async () => {
    const document = parse(await readFile(new URL(name, EXAMPLES), 'utf8'));
    assert.deepEqual(validate(schema, document).map(String), []);
  });
}
