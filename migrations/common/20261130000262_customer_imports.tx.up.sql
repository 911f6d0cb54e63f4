-- Imports of customers. A row holds counts and remains; nothing in it is personal.
CREATE TABLE customer_import (
  id           UUID PRIMARY KEY,
  state        TEXT NOT NULL,             -- mapping, checking, checked, importing, done, cancelled
  requested_by UUID NOT NULL,
  requested_at TIMESTAMPTZ NOT NULL,
  columns      BYTEA,                     -- sealed: the headers, examples and what they are mapped to; NULL: erased
  chunks       INTEGER NOT NULL,          -- how many there are in customer_import_chunk
  next_chunk   INTEGER NOT NULL DEFAULT 0, -- of the job that runs
  total_rows   BIGINT NOT NULL,
  invite       BOOLEAN NOT NULL DEFAULT FALSE,
  duplicates   BOOLEAN NOT NULL DEFAULT FALSE, -- add them as well
  invite_at    TIMESTAMPTZ,               -- when the next person is invited
  counts       TEXT NOT NULL DEFAULT '',  -- JSON: how many rows have which verdict
  erase_at     TIMESTAMPTZ,               -- when the rows are erased; NULL: they are
  finished_at  TIMESTAMPTZ
);
CREATE INDEX customer_import_requested ON customer_import (requested_by, requested_at, id);
CREATE INDEX customer_import_erase ON customer_import (erase_at) WHERE erase_at IS NOT NULL;

-- The rows of a file, many in a chunk, and the verdicts about them. Both are sealed.
CREATE TABLE customer_import_chunk (
  import_id UUID NOT NULL REFERENCES customer_import (id) ON DELETE CASCADE,
  number    INTEGER NOT NULL,
  cells     BYTEA,                    -- NULL: erased
  verdicts  BYTEA,
  keys      BYTEA,                    -- keyed hashes by which a later row is known to be the same
  counts    TEXT NOT NULL DEFAULT '', -- JSON: how many of the rows have which verdict
  PRIMARY KEY (import_id, number)
);
