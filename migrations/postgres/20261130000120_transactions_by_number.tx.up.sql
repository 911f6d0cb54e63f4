-- Lists of transactions are read in the order of the numbers, in which transactions come into being. Making this takes
-- some 45 seconds for a million transactions.
ALTER TABLE transaction_visible ADD COLUMN number INTEGER; -- the transaction's
UPDATE transaction_visible AS v SET number = t.number FROM transactions AS t WHERE t.id = v.transaction_id;
ALTER TABLE transaction_visible ALTER COLUMN number SET NOT NULL;
CREATE INDEX transaction_visible_number ON transaction_visible (specialist_id, number) INCLUDE (relmask);
-- What a program of the version before writes beside this one.
CREATE FUNCTION transaction_visible_numbered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  SELECT t.number INTO NEW.number FROM transactions AS t WHERE t.id = NEW.transaction_id;
  RETURN NEW;
END $$;
CREATE TRIGGER transaction_visible_numbered BEFORE INSERT ON transaction_visible
  FOR EACH ROW WHEN (NEW.number IS NULL) EXECUTE FUNCTION transaction_visible_numbered();

DROP INDEX transactions_created; -- the list of who may see all is in the order of the table itself
DROP INDEX transactions_customer;
DROP INDEX transactions_kind;
DROP INDEX transactions_status;
CREATE INDEX transactions_customer ON transactions (customer_id, number);
CREATE INDEX transactions_kind ON transactions (kind, number);
CREATE INDEX transactions_status ON transactions (status, number);

-- The matches of a search within some blocks of numbers, so that the newest matches are read without all others. The block
-- is the first column, because PostgreSQL takes the columns in turn, and so skips what is before the block. The expression
-- is the one that app/transaction asks for.
DROP INDEX IF EXISTS transaction_search;
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
    CREATE INDEX transaction_search ON transactions USING gin ((ARRAY[number >> 14]), search gin_trgm_ops) WITH (fastupdate = off);
  END IF;
END $$;
