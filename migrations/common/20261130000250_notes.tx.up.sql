-- What people of the firm write about a customer. End users never see it. A note that was removed can be put back for ten
-- minutes; then its row is deleted.
CREATE TABLE note (
  id          UUID PRIMARY KEY,
  customer_id UUID NOT NULL REFERENCES customer (id),
  author_id   UUID NOT NULL REFERENCES account (id),
  text        TEXT NOT NULL,
  search      TEXT NOT NULL, -- the text, folded
  submission  TEXT UNIQUE,   -- the form's once-only key
  version     INTEGER NOT NULL DEFAULT 1,
  created_at  TIMESTAMPTZ NOT NULL,
  changed_at  TIMESTAMPTZ,   -- NULL: as it was written
  removed_at  TIMESTAMPTZ    -- NULL: it is there
);
CREATE INDEX note_customer ON note (customer_id, created_at, id);
CREATE INDEX note_removed ON note (removed_at) WHERE removed_at IS NOT NULL;
