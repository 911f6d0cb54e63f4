DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
    CREATE INDEX customer_details ON customer USING gin (details gin_trgm_ops) WITH (fastupdate = off);
  END IF;
END $$;
DROP INDEX IF EXISTS customer_texts;
