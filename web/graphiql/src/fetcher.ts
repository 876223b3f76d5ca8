import type { Fetcher } from '@graphiql/toolkit';
import { GraphQLError } from 'graphql';

// Beside the page's own folder, so that /prefix/graphiql/ asks /prefix/graphql.
const ENDPOINT = new URL('../graphql', document.baseURI);

const NO_TOKEN = 'Sign in, or paste an API token at the top of this page.';

/**
 * Posts one operation to the API that served this page, with the token, or with the cookie of whoever `isSignedIn`.
 * `onUnauthorized` gets the reason when that is refused; the answer goes to the response pane in any case.
 */
export function createFetcher(
  token: string | null,
  isSignedIn: boolean,
  onUnauthorized: (reason: string) => void,
): Fetcher {
  return async ({ query, variables, operationName }, options) => {
    if (token === null && !isSignedIn) return failure(NO_TOKEN);
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
        ...options?.headers,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables, operationName }),
    });
    const answer = await readAnswer(response);
    if (response.status === 401) onUnauthorized(firstMessage(answer) ?? 'The server refused this.');
    return answer as Awaited<ReturnType<typeof failure>>;
  };
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's error page, or a body cut short.
    return failure(`HTTP ${response.status} ${response.statusText}: ${text.slice(0, 500) || 'empty answer'}`);
  }
}

function failure(message: string) {
  return { errors: [new GraphQLError(message)] };
}

function firstMessage(answer: unknown): string | undefined {
  const message = (answer as { errors?: { message?: unknown }[] } | null)?.errors?.[0]?.message;
  return typeof message === 'string' ? message : undefined;
}
