-- People who sign in, their sessions, and the one-time links they get.
-- One text for SQLite and PostgreSQL: SQLite takes the type names as they are; what really differs stands in
-- sqlite/ and postgres/. Times are UTC.
CREATE TABLE account (
  id              UUID PRIMARY KEY,
  specialist      BOOLEAN NOT NULL DEFAULT FALSE, -- works for the firm; an end user is an account with an access
  name            TEXT NOT NULL,
  name_sort       TEXT NOT NULL DEFAULT '',       -- folded for sorting
  search          TEXT NOT NULL DEFAULT '',       -- name, username and e-mail, folded for searching
  username        TEXT NOT NULL,                  -- starts as the e-mail address
  username_folded TEXT NOT NULL UNIQUE,
  email           TEXT NOT NULL,
  email_folded    TEXT NOT NULL UNIQUE,
  pending_email   TEXT NOT NULL DEFAULT '',       -- asked for, not confirmed yet; confirm_email links are bound to it
  password_hash   TEXT NOT NULL DEFAULT '',       -- Argon2id; empty until the person has chosen one
  locale          TEXT NOT NULL DEFAULT '',       -- de, en or empty: as the browser asks
  shortcuts       BOOLEAN NOT NULL DEFAULT TRUE,  -- keyboard shortcuts
  active          BOOLEAN NOT NULL DEFAULT TRUE,
  version         INTEGER NOT NULL DEFAULT 1,
  created_at      TIMESTAMPTZ NOT NULL,
  last_sign_in_at TIMESTAMPTZ
);
CREATE INDEX account_specialist_name ON account (specialist, name_sort, id);

CREATE TABLE account_role (
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  role       TEXT NOT NULL,
  PRIMARY KEY (account_id, role)
);

CREATE TABLE session (
  id_hash      TEXT PRIMARY KEY, -- SHA-256 of the cookie's value
  account_id   UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  created_at   TIMESTAMPTZ NOT NULL,
  last_seen_at TIMESTAMPTZ NOT NULL, -- written at most once a minute
  expires_at   TIMESTAMPTZ NOT NULL, -- absolute
  address      TEXT NOT NULL,
  agent        TEXT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expires ON session (expires_at);

-- Failed sign-ins, by account and by address: the delay grows, nobody is locked out for good.
CREATE TABLE sign_in_throttle (
  subject    TEXT PRIMARY KEY, -- what is counted, ":", keyed hash of whom: account, address, known (an account at an
                               -- address it has signed in from), asked, mailed (forgotten passwords)
  failures   INTEGER NOT NULL,
  next_at    TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);

-- One-time links. Only the hash is kept; each attempt of a message mints its own, all of one generation are good.
CREATE TABLE link (
  hash        TEXT PRIMARY KEY,     -- SHA-256 of the token
  purpose     TEXT NOT NULL,        -- register, set_password, reset_password, confirm_email
  subject_id  UUID NOT NULL,        -- an access or an account
  customer_id UUID,                 -- set when the link goes with a customer
  generation  INTEGER NOT NULL,
  address     TEXT NOT NULL,        -- keyed hash of the address the link was sent to
  created_at  TIMESTAMPTZ NOT NULL,
  expires_at  TIMESTAMPTZ NOT NULL,
  used_at     TIMESTAMPTZ
);
CREATE INDEX link_subject ON link (subject_id, purpose);
CREATE INDEX link_customer ON link (customer_id);
CREATE INDEX link_expires ON link (expires_at);
