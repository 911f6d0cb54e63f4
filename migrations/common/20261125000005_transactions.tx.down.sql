DROP TABLE handover_target;
DROP TABLE handover;
DROP TABLE deputy;
DROP TABLE authorisation_removal;
DROP INDEX customer_deleting;
DROP INDEX audit_transaction;
ALTER TABLE audit DROP COLUMN transaction_id;
DROP TABLE transaction_processor;
ALTER TABLE transactions RENAME TO transactions_after;
CREATE TABLE transactions (
  id          UUID PRIMARY KEY,
  customer_id UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL
);
INSERT INTO transactions (id, customer_id, name, created_at) SELECT id, customer_id, name, created_at FROM transactions_after;
DROP TABLE transactions_after;
CREATE INDEX transactions_customer ON transactions (customer_id, created_at, id);
DELETE FROM counter WHERE name = 'transaction_number';
DROP TABLE transaction_kind;
