-- Browsers that an account has signed in with. Knowing one opens nothing: it counts its wrong passwords by itself.
CREATE TABLE known_browser (
  id         UUID PRIMARY KEY,     -- stays when the token changes
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  token_hash TEXT NOT NULL,        -- SHA-256 of the cookie's value; the same for all who use the browser
  seen_at    TIMESTAMPTZ NOT NULL, -- last sign-in
  UNIQUE (token_hash, account_id)
);
CREATE INDEX known_browser_account ON known_browser (account_id, seen_at);

-- Counters belong to accounts now, by whichever name one is called: those by spelling are good for nothing. Kinds of
-- subject: account, address, browser (a known one), known (an account at a known address), own (who is signed in), asked,
-- mailed, spare and spareat (tries that are compared although a delay runs).
DELETE FROM sign_in_throttle;
ALTER TABLE sign_in_throttle ADD COLUMN account_id UUID REFERENCES account (id) ON DELETE CASCADE;
CREATE INDEX sign_in_throttle_account ON sign_in_throttle (account_id) WHERE account_id IS NOT NULL;
