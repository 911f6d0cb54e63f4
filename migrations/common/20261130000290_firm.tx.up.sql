-- What the firm has set on its own page. What is not here is as the environment says, or as the program does.
CREATE TABLE firm (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL, -- counts every change, also of the tables below: other processes read them again
  mark    BYTEA             -- PNG or JPEG; empty: none; NULL: as the environment says
);
INSERT INTO firm (id, version) VALUES (1, 1);

CREATE TABLE firm_setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Days on which nobody of the firm works.
CREATE TABLE firm_holiday (
  day  TEXT PRIMARY KEY, -- ISO 8601
  name TEXT NOT NULL
);

-- Sentences that are ready in both languages.
CREATE TABLE firm_phrase (
  id       UUID PRIMARY KEY,
  purpose  TEXT NOT NULL,
  position INTEGER NOT NULL,
  german   TEXT NOT NULL,
  english  TEXT NOT NULL
);
