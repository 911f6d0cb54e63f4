-- When a deletion was noted in ERASURE_LOG, which outlives this database. Nothing is erased before it is.
ALTER TABLE deletion ADD COLUMN recorded_at TIMESTAMPTZ;

-- Which erasure log this database's deletions are noted in, and how far it went: a restored database knows less than the
-- log has.
CREATE TABLE erasure_log (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  name     TEXT NOT NULL, -- tells one log from another
  position BIGINT NOT NULL
);
