-- The processes that run, as they say themselves every few seconds, with a hash of each setting in which they must not
-- differ. Rows that are older than a minute are of processes that have gone.
CREATE TABLE process (
  id         UUID PRIMARY KEY,
  role       TEXT NOT NULL,        -- web, worker
  host       TEXT NOT NULL,
  version    TEXT NOT NULL,        -- of the program
  settings   TEXT NOT NULL,        -- JSON: name of the setting, hash of its value
  started_at TIMESTAMPTZ NOT NULL,
  seen_at    TIMESTAMPTZ NOT NULL
);

-- What the first web process found and the others are held against.
CREATE TABLE installation (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  secret_key TEXT NOT NULL,        -- keyed hash that tells one SECRET_KEY from another and nothing about it
  since      TIMESTAMPTZ NOT NULL
);
