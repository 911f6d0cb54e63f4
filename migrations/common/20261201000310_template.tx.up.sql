-- What business transactions are made from. Templates belong to the firm, not to a customer.
CREATE TABLE template (
  id               UUID PRIMARY KEY,
  name             TEXT NOT NULL,
  name_folded      TEXT NOT NULL,
  kind             TEXT NOT NULL REFERENCES transaction_kind (key),
  public           BOOLEAN NOT NULL, -- end users may start it
  transaction_name TEXT NOT NULL,    -- what a transaction is called at first; empty: as the template
  description      TEXT NOT NULL,
  search           TEXT NOT NULL,    -- name and description, folded
  version          INTEGER NOT NULL, -- the newest one published; 0: none
  revision         INTEGER NOT NULL, -- counts every change of this row
  draft            TEXT NOT NULL,    -- JSON: the structure as it is edited
  undo             TEXT,             -- JSON: the draft before its last change; NULL: nothing to undo
  changed          BOOLEAN NOT NULL, -- the draft may differ from the newest version
  submission       TEXT UNIQUE,      -- the form's once-only key
  created_at       TIMESTAMPTZ NOT NULL,
  changed_at       TIMESTAMPTZ NOT NULL,
  retired_at       TIMESTAMPTZ       -- NULL: active
);
CREATE UNIQUE INDEX template_name ON template (name_folded) WHERE retired_at IS NULL;

-- Structures that were published. They never change.
CREATE TABLE template_version (
  template_id UUID NOT NULL REFERENCES template (id),
  number      INTEGER NOT NULL,
  outline     TEXT NOT NULL, -- JSON
  comment     TEXT NOT NULL,
  author      TEXT NOT NULL, -- the name of who published it
  created_at  TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (template_id, number)
);
