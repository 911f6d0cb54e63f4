-- One index for what a search asks search text and details together: an index of each would be read whole for every word.
-- The expression is the one that app/customer asks for. Making it takes some 20 seconds for a million customers; they are
-- read meanwhile, and written after it.
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
    CREATE INDEX customer_texts ON customer USING gin ((search || COALESCE(details, '')) gin_trgm_ops) WITH (fastupdate = off);
  END IF;
END $$;
DROP INDEX IF EXISTS customer_details;
