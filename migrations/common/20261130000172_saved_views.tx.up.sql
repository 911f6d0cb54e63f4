-- Filters of lists that people have named, for themselves or for everybody. What was searched for is no part of them.
CREATE TABLE saved_view (
  id         UUID PRIMARY KEY,
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- who named it
  list       TEXT NOT NULL CHECK (list IN ('customers', 'transactions')),
  name       TEXT NOT NULL,
  query      TEXT NOT NULL, -- the parameters of the list's address
  shared     BOOLEAN NOT NULL DEFAULT FALSE, -- everybody has it
  created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX saved_view_name ON saved_view (account_id, list, name);
CREATE INDEX saved_view_shared ON saved_view (list) WHERE shared;
