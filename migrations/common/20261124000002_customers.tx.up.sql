-- Customers, who administers them, and their accesses.
CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('customer_number', 10000);

CREATE TABLE customer (
  number          INTEGER PRIMARY KEY,  -- shown as K-10001; never given twice. Ties in a sort end at it, and on SQLite
                                        -- it is the row id, so the search index points straight at the row
  id              UUID NOT NULL UNIQUE, -- what addresses and other tables name the customer by
  type            TEXT NOT NULL CHECK (type IN ('person', 'company')),
  salutation      TEXT NOT NULL DEFAULT '',
  title           TEXT NOT NULL DEFAULT '',
  first_name      TEXT NOT NULL DEFAULT '', -- of a company: the contact's
  last_name       TEXT NOT NULL DEFAULT '',
  date_of_birth   TEXT NOT NULL DEFAULT '', -- ISO 8601, or empty
  company_name    TEXT NOT NULL DEFAULT '',
  legal_form      TEXT NOT NULL DEFAULT '',
  register_court  TEXT NOT NULL DEFAULT '',
  register_number TEXT NOT NULL DEFAULT '',
  vat_id          TEXT NOT NULL DEFAULT '',
  street          TEXT NOT NULL DEFAULT '',
  postal_code     TEXT NOT NULL DEFAULT '',
  city            TEXT NOT NULL DEFAULT '',
  country         TEXT NOT NULL DEFAULT '', -- ISO 3166-1 alpha-2
  phone           TEXT NOT NULL DEFAULT '', -- E.164
  note            TEXT NOT NULL DEFAULT '',
  locale          TEXT NOT NULL,            -- language of messages: de, en
  name_sort       TEXT NOT NULL,            -- "last first" or company name, folded for sorting
  search          TEXT NOT NULL,            -- what the search finds, folded
  identity        TEXT NOT NULL,            -- folded name and birth date, or company name and city, or empty: finds duplicates
  attention_at    TIMESTAMPTZ,              -- from when on somebody should look at this customer; NULL: never
  submission      TEXT UNIQUE,              -- the form's once-only key: a double submit makes one customer
  version         INTEGER NOT NULL DEFAULT 1,
  deleting        BOOLEAN NOT NULL DEFAULT FALSE, -- being deleted for good: gone for everybody, rows still going
  created_at      TIMESTAMPTZ NOT NULL,
  created_by      UUID,
  updated_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX customer_type_name ON customer (type, name_sort, number) WHERE NOT deleting;
CREATE INDEX customer_attention ON customer (attention_at) WHERE attention_at IS NOT NULL AND NOT deleting;
CREATE INDEX customer_attention_name ON customer (name_sort, number, attention_at) WHERE attention_at IS NOT NULL AND NOT deleting;
CREATE INDEX customer_identity ON customer (identity) WHERE identity <> '';

CREATE TABLE customer_administrator (
  customer_id   UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  specialist_id UUID NOT NULL REFERENCES account (id),
  created_at    TIMESTAMPTZ NOT NULL,
  created_by    UUID NOT NULL,
  PRIMARY KEY (customer_id, specialist_id)
);
CREATE INDEX customer_administrator_specialist ON customer_administrator (specialist_id, customer_id);

CREATE TABLE access (
  id              UUID PRIMARY KEY,
  customer_id     UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  account_id      UUID REFERENCES account (id), -- set by registering
  first_name      TEXT NOT NULL,
  last_name       TEXT NOT NULL,
  email           TEXT NOT NULL,
  email_folded    TEXT NOT NULL,
  mobile          TEXT NOT NULL DEFAULT '', -- E.164
  locale          TEXT NOT NULL,
  generation      INTEGER NOT NULL DEFAULT 1, -- of the invitation; Send again and corrections raise it
  invited_at      TIMESTAMPTZ NOT NULL,       -- of this generation
  link_expires_at TIMESTAMPTZ NOT NULL,
  undeliverable   TEXT NOT NULL DEFAULT '',   -- reason key of the mail's permanent failure in this generation
  opened_at       TIMESTAMPTZ,                -- the registration form was first submitted or shown to a person
  code_entered_at TIMESTAMPTZ,
  registered_at   TIMESTAMPTZ,
  deactivated_at  TIMESTAMPTZ,
  code_tries      INTEGER NOT NULL DEFAULT 0, -- wrong tries against the code in force; 5 lock it
  code_tries_day  INTEGER NOT NULL DEFAULT 0, -- on code_day, whatever the code; 15 a day
  code_day        TEXT NOT NULL DEFAULT '',   -- ISO date
  sends_day       INTEGER NOT NULL DEFAULT 0, -- links and codes asked for anew by the end user on sends_on
  sends_on        TEXT NOT NULL DEFAULT '',
  sent_at         TIMESTAMPTZ,                -- the last of those
  submission      TEXT UNIQUE,
  version         INTEGER NOT NULL DEFAULT 1,
  created_at      TIMESTAMPTZ NOT NULL,
  created_by      UUID
);
CREATE UNIQUE INDEX access_customer_email ON access (customer_id, email_folded);
CREATE INDEX access_email ON access (email_folded);
CREATE INDEX access_account ON access (account_id);

-- Registration codes in force; like links, each attempt of an SMS mints its own.
CREATE TABLE access_code (
  hash       TEXT NOT NULL, -- keyed hash over access and code
  access_id  UUID NOT NULL REFERENCES access (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL, -- of the invitation; a code asked for anew deletes the ones before
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (access_id, hash)
);

-- Business transactions. So far only what a customer's deletion must count and take along.
CREATE TABLE transactions (
  id          UUID PRIMARY KEY,
  customer_id UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX transactions_customer ON transactions (customer_id, created_at, id);
