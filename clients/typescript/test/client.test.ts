// Asks a running server as a frontend does: types from the schema, and each record once in the cache.
//
//   GRAPHQL_URL=http://127.0.0.1:8080/graphql TOKEN=cg_… npm test
import { InMemoryCache } from '@apollo/client';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphql } from '../generated/gql.js';
import { CustomerDocument, RecordDocument, TransactionsDocument, type TransactionFilter } from '../generated/graphql.js';
import { createClient } from '../src/client.js';
import { sums } from '../src/money.js';

const uri = process.env['GRAPHQL_URL'];
const token = process.env['TOKEN'];
assert.ok(uri && token, 'GRAPHQL_URL and TOKEN must be set');

const SINCE = new Date(Date.now() - 365 * 86_400_000).toISOString().slice(0, 10);
const filter: TransactionFilter = { kind: { eq: 'WON_DEAL' }, occurredOn: { gte: SINCE }, amountMinor: { gte: '1' } };
const WON = { filter, first: 3 };

// A document in the code has its types by its text.
const Companies = graphql(`
  query Companies($after: String) {
    companies(filter: { customFields: { name: "Industry", text: { isNull: false } } }, first: 20, after: $after) {
      edges {
        node {
          id
          closeId
          name
          customFields {
            id
            name
            value
          }
        }
      }
    }
  }
`);
const Name = graphql(`
  query Name($id: ID!) {
    company(id: $id) {
      id
      name
    }
  }
`);
const AnyRecord = graphql(`
  query AnyRecord($id: ID!) {
    node(id: $id) {
      id
      ... on MirroredRecord {
        closeId
        sourceUrl
      }
    }
  }
`);

/** A value that has to be there. */
function present<T>(value: T | null | undefined): T {
  assert.ok(value !== null && value !== undefined);
  return value;
}

/** The keys under which a cache keeps its records. */
const keptIn = ({ cache }: ReturnType<typeof createClient>): string[] => Object.keys(cache.extract() as object);

test('amounts are texts of exact numbers, and sums of them are exact', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: TransactionsDocument, variables: { ...WON, first: 500 } });
  const deals = present(data).transactions.edges.map(({ node }) => node);
  assert.ok(deals.length > 3);
  for (const { amount, occurredOn } of deals) {
    assert.match(present(amount).amount, /^\d+(\.\d+)?$/);
    assert.match(present(occurredOn), /^\d{4}-\d\d-\d\d$/);
  }
  const expected = present(data).transactions.totals.map(({ amount, currency }) => [currency, BigInt(amount.replace('.', ''))]);
  assert.equal(present(data).transactions.pageInfo.hasNextPage, false);
  assert.deepEqual([...sums(deals.map(({ amount }) => amount))].sort(), expected.sort());
});

test('pages follow each other in one list', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: TransactionsDocument, variables: WON });
  const first = present(data).transactions;
  assert.ok(first.pageInfo.hasNextPage);
  await client.watchQuery({ query: TransactionsDocument, variables: WON }).fetchMore({ variables: { after: first.pageInfo.endCursor } });
  const both = present(client.readQuery({ query: TransactionsDocument, variables: WON })).transactions.edges;
  assert.equal(both.length, 6);
  assert.equal(new Set(both.map(({ node }) => node.id)).size, 6);
  assert.deepEqual(both.slice(0, 3), first.edges);
});

test('two questions share one record', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: Companies });
  const company = present(present(data).companies.edges[0]).node;
  await client.query({ query: CustomerDocument, variables: { id: company.id } });
  const ids = keptIn(client);
  assert.equal(ids.filter((id) => id.includes(company.id)).length, 1);

  const id = present(client.cache.identify(company));
  client.cache.modify({ id, fields: { name: () => 'Renamed' } });
  const listed = present(client.readQuery({ query: Companies })).companies.edges[0];
  const alone = client.readQuery({ query: CustomerDocument, variables: { id: company.id } });
  assert.deepEqual([listed?.node.name, alone?.company?.name], ['Renamed', 'Renamed']);
});

test('a record that a list brought is not asked for again', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: Companies });
  const { id, name } = present(present(data).companies.edges[0]).node;
  const { data: known } = await client.query({ query: Name, variables: { id }, fetchPolicy: 'cache-only' });
  assert.deepEqual(known, { company: { __typename: 'Company', id, name } });
});

test('values without a record of their own stay with the record around them', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: Companies, fetchPolicy: 'no-cache' });
  const answered = present(data);
  const values = answered.companies.edges.map(({ node }) => node.customFields.find(({ name }) => name === 'Industry')?.value);
  assert.ok(new Set(values).size > 1, 'all companies are of one industry');

  client.writeQuery({ query: Companies, data: answered });
  assert.deepEqual(client.readQuery({ query: Companies }), answered);
  const kinds = new Set(keptIn(client).map((id) => id.split(':')[0]));
  assert.deepEqual(kinds, new Set(['ROOT_QUERY', 'Company']));

  // A cache that trusts every `id` gives all companies the value of the last.
  const trusting = new InMemoryCache();
  trusting.writeQuery({ query: Companies, data: answered });
  assert.notDeepEqual(trusting.readQuery({ query: Companies }), answered);
});

test('a fragment on an interface is read from the cache', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: Companies });
  const { id, closeId } = present(present(data).companies.edges[0]).node;
  const { data: found } = await client.query({ query: AnyRecord, variables: { id } });
  const record = present(present(found).node);
  assert.ok('closeId' in record);
  assert.equal(record.closeId, closeId);
});

test('a union is told apart by its type', async () => {
  const client = createClient(uri, token);
  const { data } = await client.query({ query: TransactionsDocument, variables: WON });
  const deal = present(present(data).transactions.edges[0]).node;
  const { data: found } = await client.query({ query: RecordDocument, variables: { id: deal.id } });
  const record = present(present(found).node);
  assert.equal(record.__typename, 'Transaction');
  if (record.__typename === 'Transaction') assert.deepEqual(record.amount, deal.amount);
});
