DROP INDEX IF EXISTS transaction_search;
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
    CREATE INDEX transaction_search ON transactions USING gin (search gin_trgm_ops) WITH (fastupdate = off);
  END IF;
END $$;
DROP INDEX transactions_customer;
DROP INDEX transactions_kind;
DROP INDEX transactions_status;
CREATE INDEX transactions_customer ON transactions (customer_id, created_at, id);
CREATE INDEX transactions_created ON transactions (created_at, id);
CREATE INDEX transactions_kind ON transactions (kind, created_at, id);
CREATE INDEX transactions_status ON transactions (status, created_at, id);
DROP TRIGGER transaction_visible_numbered ON transaction_visible;
DROP FUNCTION transaction_visible_numbered();
ALTER TABLE transaction_visible DROP COLUMN number;
