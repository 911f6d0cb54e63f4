-- What people have chosen for themselves. A preference without a row has its default; the program says which there are.
CREATE TABLE preference (
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,
  PRIMARY KEY (account_id, name)
);
