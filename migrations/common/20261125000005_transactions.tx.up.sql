-- Business transactions, their kinds, and who processes which of them.
CREATE TABLE transaction_kind (
  key      TEXT PRIMARY KEY,  -- what policies and transactions name it by: never changed, never given twice
  name_en  TEXT NOT NULL,
  name_de  TEXT NOT NULL,
  position INTEGER NOT NULL,  -- in lists
  active   BOOLEAN NOT NULL DEFAULT TRUE, -- a retired one stays at the transactions that have it
  version  INTEGER NOT NULL DEFAULT 1
);
INSERT INTO transaction_kind (key, name_en, name_de, position) VALUES
  ('contract', 'Contract', 'Vertrag', 10),
  ('tax_return', 'Tax return', 'Steuererklärung', 20),
  ('annual_accounts', 'Annual accounts', 'Jahresabschluss', 30),
  ('loan_application', 'Loan application', 'Kreditantrag', 40),
  ('application', 'Application', 'Antrag', 50),
  ('correspondence', 'Correspondence', 'Schriftverkehr', 60),
  ('other', 'Other', 'Sonstiges', 1000);

INSERT INTO counter (name, value) VALUES ('transaction_number', 10000);

DROP INDEX transactions_customer;
ALTER TABLE transactions RENAME TO transactions_before;
CREATE TABLE transactions (
  number         INTEGER PRIMARY KEY,  -- shown as V-10001; never given twice; on SQLite the row id, as of customer
  id             UUID NOT NULL UNIQUE,
  customer_id    UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  name           TEXT NOT NULL,
  name_folded    TEXT NOT NULL,        -- unique within the customer, however it is written
  kind           TEXT NOT NULL REFERENCES transaction_kind (key),
  status         TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'in_review', 'closed')),
  due            TEXT NOT NULL DEFAULT '', -- ISO 8601 date, or empty
  responsible_id UUID REFERENCES account (id),
  search         TEXT NOT NULL DEFAULT '', -- name, number and customer's name, folded
  submission     TEXT UNIQUE,          -- the form's once-only key
  version        INTEGER NOT NULL DEFAULT 1,
  created_at     TIMESTAMPTZ NOT NULL,
  created_by     UUID,
  updated_at     TIMESTAMPTZ NOT NULL
);
INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
  SELECT 10000 + row_number() OVER (ORDER BY created_at, id), id, customer_id, name,
    lower(name) || CASE WHEN row_number() OVER (PARTITION BY customer_id, lower(name) ORDER BY id) = 1 THEN ''
      ELSE ' ' || row_number() OVER (PARTITION BY customer_id, lower(name) ORDER BY id) END,
    'other', created_at, created_at
  FROM transactions_before;
UPDATE counter SET value = 10000 + (SELECT count(*) FROM transactions) WHERE name = 'transaction_number';
DROP TABLE transactions_before;
CREATE UNIQUE INDEX transactions_customer_name ON transactions (customer_id, name_folded);
CREATE INDEX transactions_customer ON transactions (customer_id, created_at, id);
CREATE INDEX transactions_created ON transactions (created_at, id); -- the list of who may see all
CREATE INDEX transactions_kind ON transactions (kind, created_at, id);
CREATE INDEX transactions_status ON transactions (status, created_at, id);
CREATE INDEX transactions_unsearched ON transactions (customer_id) WHERE search = ''; -- soon empty: the worker fills them
CREATE INDEX transactions_due ON transactions (due) WHERE due <> '' AND status <> 'closed';

-- Additional processors: who may work on single transactions of a customer.
CREATE TABLE transaction_processor (
  transaction_id UUID NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
  specialist_id  UUID NOT NULL REFERENCES account (id),
  customer_id    UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE, -- the transaction's
  created_at     TIMESTAMPTZ NOT NULL,
  created_by     UUID NOT NULL,
  PRIMARY KEY (transaction_id, specialist_id)
);
CREATE INDEX transaction_processor_specialist ON transaction_processor (specialist_id, customer_id);
CREATE INDEX transaction_processor_customer ON transaction_processor (customer_id, specialist_id);

-- An entry about a transaction is only for who may see it.
ALTER TABLE audit ADD COLUMN transaction_id UUID;
CREATE INDEX audit_transaction ON audit (transaction_id, id) WHERE transaction_id IS NOT NULL;

-- Customers that are being deleted: few, and no list may show what is theirs.
CREATE INDEX customer_deleting ON customer (id) WHERE deleting;

-- What Remove authorisation took, for as long as it can be undone.
CREATE TABLE authorisation_removal (
  id          UUID PRIMARY KEY,
  customer_id UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  removed_by  UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- only they may undo it
  expires_at  TIMESTAMPTZ NOT NULL,
  sealed      BYTEA NOT NULL -- JSON, sealed with SECRET_KEY
);
CREATE INDEX authorisation_removal_expires ON authorisation_removal (expires_at);
CREATE INDEX authorisation_removal_customer ON authorisation_removal (customer_id);

-- Who stands in for whom, and when: from starts_at until before ends_at.
CREATE TABLE deputy (
  id            UUID PRIMARY KEY,
  specialist_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE, -- who is away
  deputy_id     UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  starts_at     TIMESTAMPTZ NOT NULL,
  ends_at       TIMESTAMPTZ NOT NULL,
  created_at    TIMESTAMPTZ NOT NULL,
  created_by    UUID NOT NULL,
  CHECK (specialist_id <> deputy_id),
  CHECK (starts_at < ends_at)
);
CREATE INDEX deputy_of ON deputy (deputy_id, ends_at);
CREATE INDEX deputy_for ON deputy (specialist_id, ends_at);

-- A handover of all assignments of a specialist user: its progress, then its record.
CREATE TABLE handover (
  id           UUID PRIMARY KEY,
  from_id      UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  move         BOOLEAN NOT NULL,             -- or copy
  done         BIGINT NOT NULL DEFAULT 0,    -- assignments handed over so far
  total        BIGINT NOT NULL,
  phase        INTEGER NOT NULL DEFAULT 0,   -- customers, then transactions, then those they answer for
  at_customer  UUID NOT NULL,                -- behind which of them a copy goes on
  at_transaction UUID NOT NULL,
  requested_by UUID NOT NULL,
  requested_at TIMESTAMPTZ NOT NULL,
  finished_at  TIMESTAMPTZ
);
CREATE INDEX handover_open ON handover (requested_at) WHERE finished_at IS NULL;
CREATE TABLE handover_target (
  handover_id   UUID NOT NULL REFERENCES handover (id) ON DELETE CASCADE,
  specialist_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  position      INTEGER NOT NULL, -- the first is who answers for transactions from then on
  PRIMARY KEY (handover_id, specialist_id)
);
