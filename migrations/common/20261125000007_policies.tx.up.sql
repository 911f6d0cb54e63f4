-- Published policies, the one draft, and what must hold for publishing.
CREATE TABLE policy_version (
  version      INTEGER PRIMARY KEY,
  text         TEXT NOT NULL,
  comment      TEXT NOT NULL,
  author_id    UUID,                     -- who published it; NULL: Kontor itself
  author       TEXT NOT NULL,
  proposer     TEXT NOT NULL DEFAULT '', -- who proposed it, where it took two
  restored     INTEGER,                  -- the version that it publishes anew
  published_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE policy_draft (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  text        TEXT NOT NULL,
  base        INTEGER NOT NULL,          -- the version it began from
  edit        INTEGER NOT NULL,          -- rises with each change: the second of two editors is told
  changed_by  TEXT NOT NULL,             -- name of who made the last change
  steps       TEXT NOT NULL DEFAULT '[]', -- JSON: the last changes, who made them, and the text before each
  proposed_by UUID,                      -- has asked a second person to publish it as it is
  proposer    TEXT NOT NULL DEFAULT '',
  comment     TEXT NOT NULL DEFAULT ''   -- of the proposal
);

CREATE TABLE policy_expectation (
  id             UUID PRIMARY KEY,
  role           TEXT NOT NULL DEFAULT '',     -- of whom: a role with a relation, or a person
  relation       TEXT NOT NULL DEFAULT '',     -- administrator, processor, access, or empty for none
  person_id      UUID REFERENCES account (id) ON DELETE CASCADE,
  may            BOOLEAN NOT NULL,
  action         TEXT NOT NULL,
  object         TEXT NOT NULL,
  kind           TEXT NOT NULL DEFAULT '',     -- of the object, or empty for any kind
  transaction_id UUID REFERENCES transactions (id) ON DELETE CASCADE, -- the one it is about, or NULL
  created_at     TIMESTAMPTZ NOT NULL,
  created_by     UUID NOT NULL
);
