-- What tells this installation from others that share a Redis with it. One row, made by the first process that asks.
CREATE TABLE installation_id (
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  uid TEXT NOT NULL                -- random, says nothing
);
