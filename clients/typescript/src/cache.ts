// A normalised cache for Closegraph: each record is kept once, whichever question brought it.
import { InMemoryCache, type InMemoryCacheConfig } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import possible from '../generated/possibleTypes.js';

const { possibleTypes } = possible;

/**
 * Only a Node is known by its id. Others are part of the record around them, even when they have an `id`: that of a
 * CustomField is the field's, and each company has a value of its own in it.
 */
const keyOf: NonNullable<InMemoryCacheConfig['dataIdFromObject']> = ({ __typename = '', id }) =>
  possibleTypes['Node']?.includes(__typename) && id !== undefined ? `${__typename}:${String(id)}` : undefined;

/** Pages of a list follow each other; another filter or order is another list. Ask for `edges`, not `nodes`. */
const pages = () => relayStylePagination(['filter', 'orderBy']);

export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes,
    dataIdFromObject: keyOf,
    typePolicies: {
      Query: {
        fields: {
          companies: pages(),
          people: pages(),
          opportunities: pages(),
          transactions: pages(),
          receivables: pages(),
          // A record that a list brought need not be asked for again.
          company: {
            read: (known, { args, toReference }) =>
              known ?? (args?.['id'] ? toReference({ __typename: 'Company', id: args['id'] }) : undefined),
          },
        },
      },
    },
  });
}
