const KEY = 'closegraph:token';

/**
 * Takes a token out of `#token=…`, the form in which `closegraph demo` hands it over. A fragment is never sent
 * to a server; removing it keeps the secret out of the history, bookmarks and shared links.
 */
export function takeTokenFromAddress(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return normalizeToken(token);
}

/** Kept for this browser tab only: closing it forgets the token. */
export function storedToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function storeToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

/** What people paste: blanks around it, or the whole header value. Nothing left means no token. */
export function normalizeToken(pasted: string): string | null {
  const token = pasted.trim().replace(/^bearer\s+/i, '');
  return token === '' ? null : token;
}

/** Enough of a token to tell it from another one, too little to use it. */
export function maskToken(token: string): string {
  return token.length > 12 ? `${token.slice(0, 5)}…${token.slice(-3)}` : '…';
}
