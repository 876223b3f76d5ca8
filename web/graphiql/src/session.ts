/** Who is signed in by browser. The secret is in a cookie that no script can read. */
export type Session = { name: string; role: string };

// Beside the page's own folder, as the API is.
const SESSION = new URL('../session', document.baseURI);
const SIGN_OUT = new URL('../sign-out', document.baseURI);

/** Where people sign in. */
export const SIGN_IN = '../sign-in';

/** Nobody, where the server can't be asked or knows no sessions: a token still helps. */
export async function readSession(): Promise<Session | null> {
  try {
    const response = await fetch(SESSION);
    if (!response.ok) return null;
    const { session } = (await response.json()) as { session: Session | null };
    return session;
  } catch {
    return null;
  }
}

/** Whether the session is over. */
export async function signOut(): Promise<boolean> {
  try {
    return (await fetch(SIGN_OUT, { method: 'POST' })).ok;
  } catch {
    return false;
  }
}
