import { ApolloClient, HttpLink } from '@apollo/client';
import { createCache } from './cache.js';

/** A client of the server at `uri`, such as http://127.0.0.1:8080/graphql, with a token of `closegraph token create`. */
export function createClient(uri: string, token: string): ApolloClient {
  return new ApolloClient({
    link: new HttpLink({ uri, headers: { authorization: `Bearer ${token}` } }),
    cache: createCache(),
  });
}
