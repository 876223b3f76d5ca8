import type { FormEvent } from 'react';
import { SIGN_IN, type Session } from './session';
import { maskToken, normalizeToken } from './token';

type Props = {
  token: string | null;
  /** Who is signed in: asked without a token. */
  session: Session | null;
  /** Why the server refused the token or the session, if it did. */
  refusal: string | null;
  onSet: (token: string) => void;
  onForget: () => void;
  onSignOut: () => void;
};

export function TokenBar({ token, session, refusal, onSet, onForget, onSignOut }: Props) {
  return (
    <header className="bar">
      <img src="./favicon.svg" alt="" width="20" height="20" />
      <strong>Closegraph</strong>
      {token !== null && refusal === null ? (
        <p className="bar-state">
          Token <code>{maskToken(token)}</code>
          <button type="button" onClick={onForget}>
            Forget
          </button>
        </p>
      ) : session !== null && refusal === null ? (
        <p className="bar-state">
          <span>
            Signed in as <code>{session.name}</code> ({session.role})
          </span>
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        </p>
      ) : (
        <TokenForm refusal={refusal} onSet={onSet} />
      )}
    </header>
  );
}

function TokenForm({ refusal, onSet }: Pick<Props, 'refusal' | 'onSet'>) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const pasted = new FormData(event.currentTarget).get('token');
    const token = typeof pasted === 'string' ? normalizeToken(pasted) : null;
    if (token !== null) onSet(token);
  }
  return (
    <form className="bar-form" onSubmit={submit}>
      <label htmlFor="token" role={refusal === null ? undefined : 'alert'} className={refusal === null ? '' : 'refusal'}>
        {refusal ?? (
          <>
            Paste an API token (<code>closegraph token create</code>)
          </>
        )}
      </label>
      <input
        id="token"
        name="token"
        type="password"
        placeholder="cg_…"
        autoComplete="off"
        spellCheck={false}
        autoFocus
        required
      />
      <button type="submit">Use it</button>
      <a href={SIGN_IN}>or sign in</a>
    </form>
  );
}
