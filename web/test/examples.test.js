// Every example that GraphiQL offers is a question which the API's schema knows, and what a document shows of a client is
// the code that is tried.
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

const ROOT = new URL('../../', import.meta.url);

test('what docs/clients.md shows stands in the files that it names', async () => {
  const document = await readFile(new URL('docs/clients.md', ROOT), 'utf8');
  let file = '';
  let shown = 0;
  for (const [, path, code] of document.matchAll(/\]\(\.\.\/((?:clients|tests)\/[^)]+)\)|^```(?:ts|toml|python|rust)\n(.*?)^```$/gms)) {
    if (path) file = await readFile(new URL(path, ROOT), 'utf8');
    if (!code) continue;
    shown += 1;
    assert.ok(file.includes(code), code);
  }
  assert.equal(shown, 6);
});
