-- What a business transaction consists of: folders, slots that ask for a document or an answer, documents.
CREATE TABLE element (
  id             UUID PRIMARY KEY,
  transaction_id UUID NOT NULL REFERENCES transactions (id),
  customer_id    UUID NOT NULL REFERENCES customer (id),
  parent_id      UUID REFERENCES element (id) ON DELETE CASCADE, -- a folder; NULL: at the root
  position       INTEGER NOT NULL,           -- among those with the same parent
  type           TEXT NOT NULL,              -- folder, slot, document
  name           TEXT NOT NULL,
  name_folded    TEXT NOT NULL,
  help           TEXT NOT NULL DEFAULT '',
  planned        BOOLEAN NOT NULL DEFAULT FALSE, -- it came from a template: its options say what may be done with it
  internal       BOOLEAN NOT NULL DEFAULT FALSE, -- never seen by end users, with all that is in it
  extensible     BOOLEAN NOT NULL DEFAULT FALSE, -- folders: elements may be added
  optional       BOOLEAN NOT NULL DEFAULT FALSE, -- folders: it may be deleted
  duplicable     BOOLEAN NOT NULL DEFAULT FALSE, -- folders: it may be duplicated
  answer         TEXT NOT NULL DEFAULT '',   -- slots: what is asked for
  required       BOOLEAN NOT NULL DEFAULT FALSE,
  due            TEXT NOT NULL DEFAULT '',   -- slots: ISO 8601 date, or ''
  types          TEXT NOT NULL DEFAULT '',   -- slots: groups of file types, separated by blanks; '': all that the firm allows
  state          TEXT NOT NULL DEFAULT '',   -- slots: open, answered, accepted, rejected
  reason         TEXT NOT NULL DEFAULT '',   -- why it was rejected
  reviewed_by    UUID REFERENCES account (id),
  reviewed_at    TIMESTAMPTZ,
  latest_id      UUID,                       -- the version that counts; NULL: none
  versions       INTEGER NOT NULL DEFAULT 0, -- the number of the last version
  version        INTEGER NOT NULL DEFAULT 1, -- counts the changes, for forms
  created_by     UUID REFERENCES account (id),
  created_at     TIMESTAMPTZ NOT NULL,
  trashed_at     TIMESTAMPTZ,                -- NULL: it is there
  trashed_with   UUID,                       -- the element that was moved to the trash, with this one in it
  trashed_by     UUID REFERENCES account (id)
);
CREATE INDEX element_transaction ON element (transaction_id, position);
CREATE INDEX element_parent ON element (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX element_customer ON element (customer_id);
CREATE INDEX element_trashed ON element (trashed_at) WHERE trashed_at IS NOT NULL;
CREATE UNIQUE INDEX element_name ON element (transaction_id, COALESCE(parent_id, transaction_id), name_folded) WHERE trashed_at IS NULL;

-- What was given for a slot or a document, each time it was.
CREATE TABLE element_version (
  id             UUID PRIMARY KEY,
  element_id     UUID NOT NULL REFERENCES element (id) ON DELETE CASCADE,
  customer_id    UUID NOT NULL REFERENCES customer (id),
  number         INTEGER NOT NULL,           -- 1 for the first one of the element
  blob_id        UUID REFERENCES blob (id),  -- NULL: not a document
  file           TEXT NOT NULL DEFAULT '',   -- name of the file
  answer         BYTEA,                      -- encrypted with the customer's key; NULL: not such an answer
  not_applicable BOOLEAN NOT NULL DEFAULT FALSE,
  firm           BOOLEAN NOT NULL,           -- given by the firm
  created_by     UUID REFERENCES account (id),
  created_at     TIMESTAMPTZ NOT NULL,
  written        BOOLEAN NOT NULL DEFAULT FALSE -- the store has its manifest for ESCROW_RECIPIENT
);
CREATE UNIQUE INDEX element_version_number ON element_version (element_id, number);
CREATE INDEX element_version_blob ON element_version (blob_id, created_at) WHERE blob_id IS NOT NULL;
CREATE INDEX element_version_customer ON element_version (customer_id);
CREATE INDEX element_version_unwritten ON element_version (id) WHERE blob_id IS NOT NULL AND NOT written;

CREATE TABLE element_comment (
  id          UUID PRIMARY KEY,
  element_id  UUID NOT NULL REFERENCES element (id) ON DELETE CASCADE,
  customer_id UUID NOT NULL REFERENCES customer (id),
  internal    BOOLEAN NOT NULL, -- not for end users
  text        BYTEA NOT NULL,   -- encrypted with the customer's key
  author_id   UUID NOT NULL REFERENCES account (id),
  created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX element_comment_element ON element_comment (element_id, created_at, id);
CREATE INDEX element_comment_customer ON element_comment (customer_id);

-- How far a transaction is, counted from its slots that end users see; and what may be done at its root.
ALTER TABLE transactions ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;     -- required slots
ALTER TABLE transactions ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;  -- of these, answered or accepted
ALTER TABLE transactions ADD COLUMN to_review INTEGER NOT NULL DEFAULT 0; -- slots that an end user answered and nobody reviewed
ALTER TABLE transactions ADD COLUMN extensible BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE transactions ADD COLUMN viewed_at TIMESTAMPTZ; -- when an end user first opened it
