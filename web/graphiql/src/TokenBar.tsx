import type { FormEvent } from 'react';
import { maskToken, normalizeToken } from './token';

type Props = {
  token: string | null;
  /** Why the server refused the token, if it did. */
  refusal: string | null;
  onSet: (token: string) => void;
  onForget: () => void;
};

export function TokenBar({ token, refusal, onSet, onForget }: Props) {
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
    </form>
  );
}
