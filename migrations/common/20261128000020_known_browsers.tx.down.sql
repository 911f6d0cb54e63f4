DROP TABLE sign_in_throttle;
CREATE TABLE sign_in_throttle (
  subject    TEXT PRIMARY KEY,
  failures   INTEGER NOT NULL,
  next_at    TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
DROP TABLE known_browser;
