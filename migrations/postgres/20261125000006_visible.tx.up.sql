-- Which transactions a specialist user has a relation to (1 administrator of the customer, 2 additional processor, 3
-- both), in the order of their list.
CREATE TABLE transaction_visible (
  specialist_id  UUID NOT NULL REFERENCES account (id),
  created_at     TIMESTAMPTZ NOT NULL, -- the transaction's
  transaction_id UUID NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
  relmask        INTEGER NOT NULL CHECK (relmask BETWEEN 1 AND 3),
  PRIMARY KEY (specialist_id, created_at, transaction_id) INCLUDE (relmask)
);
CREATE INDEX transaction_visible_transaction ON transaction_visible (transaction_id);
INSERT INTO transaction_visible (specialist_id, created_at, transaction_id, relmask)
  SELECT a.specialist_id, t.created_at, t.id, 1 FROM customer_administrator AS a JOIN transactions AS t ON t.customer_id = a.customer_id;

CREATE INDEX transaction_search ON transactions USING gin (search gin_trgm_ops) WITH (fastupdate = off);
