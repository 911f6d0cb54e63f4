-- Which transactions a specialist user has a relation to (1 administrator of the customer, 2 additional processor, 3
-- both), in the order of their list: clustered on its key, so a page is one short range.
CREATE TABLE transaction_visible (
  specialist_id  UUID NOT NULL REFERENCES account (id),
  created_at     TIMESTAMPTZ NOT NULL, -- the transaction's
  transaction_id UUID NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
  relmask        INTEGER NOT NULL CHECK (relmask BETWEEN 1 AND 3),
  PRIMARY KEY (specialist_id, created_at, transaction_id)
) WITHOUT ROWID;
CREATE INDEX transaction_visible_transaction ON transaction_visible (transaction_id);
INSERT INTO transaction_visible (specialist_id, created_at, transaction_id, relmask)
  SELECT a.specialist_id, t.created_at, t.id, 1 FROM customer_administrator AS a JOIN transactions AS t ON t.customer_id = a.customer_id;

CREATE VIRTUAL TABLE transaction_search USING fts5(text, content='', contentless_delete=1, detail='none', tokenize='trigram');
INSERT INTO transaction_search (transaction_search, rank) VALUES ('automerge', 0);
INSERT INTO transaction_search (transaction_search, rank) VALUES ('crisismerge', 1999);
