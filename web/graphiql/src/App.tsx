import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useEffect, useMemo, useState } from 'react';
import { EXAMPLES } from './examples';
import { EXAMPLES_PLUGIN } from './examplesPlugin';
import { createFetcher } from './fetcher';
import { readSession, signOut, type Session } from './session';
import { storeToken, storedToken, takeTokenFromAddress } from './token';
import { TokenBar } from './TokenBar';

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];
const TABS = EXAMPLES.map(({ query, variables }) => ({ query, variables: variables ?? null }));

export function App({ linkToken }: { linkToken: string | null }) {
  const [token, setToken] = useState(() => linkToken ?? storedToken());
  const [session, setSession] = useState<Session | null>(null);
  const [refusal, setRefusal] = useState<string | null>(null);

  function change(next: string | null) {
    storeToken(next);
    setRefusal(null);
    setToken(next);
  }

  async function leave() {
    if (await signOut()) setSession(null);
    else setRefusal('Signing out failed: try again.');
  }

  useEffect(() => void readSession().then(setSession), []);

  useEffect(() => {
    // A link with a token opened over this very page changes the fragment without loading it again.
    const take = () => {
      const next = takeTokenFromAddress();
      if (next !== null) change(next);
    };
    if (token !== null) storeToken(token);
    addEventListener('hashchange', take);
    return () => removeEventListener('hashchange', take);
  }, [token]);

  // A new fetcher makes GraphiQL read the schema again: what the old token saw is not what the new one sees.
  const isSignedIn = session !== null;
  const fetcher = useMemo(() => {
    const refuse = (reason: string) => {
      setRefusal(reason);
      // A session that was refused is over.
      if (token === null) setSession(null);
    };
    return createFetcher(token, isSignedIn, refuse);
  }, [token, isSignedIn]);

  return (
    <>
      <TokenBar
        token={token}
        session={session}
        refusal={refusal}
        onSet={change}
        onForget={() => change(null)}
        onSignOut={() => void leave()}
      />
      <main>
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          defaultTabs={TABS}
          // Who follows a link with a token wants the first question, whatever was open here the last time.
          {...(linkToken === null ? {} : { initialQuery: EXAMPLES[0].query })}
          isHeadersEditorEnabled={false}
          showPersistHeadersSettings={false}
        >
          <GraphiQL.Logo>
            <></>
          </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
