-- Sorting is by bytes of the folded name, as on SQLite, whatever the cluster's locale; trigrams find substrings.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
ALTER TABLE customer ALTER COLUMN name_sort TYPE TEXT COLLATE "C";
ALTER TABLE account ALTER COLUMN name TYPE TEXT COLLATE "C";
CREATE INDEX customer_name ON customer (name_sort, number) WHERE NOT deleting;
-- fastupdate off: an insert pays its own small price instead of one in a thousand paying for all.
CREATE INDEX customer_search ON customer USING gin (search gin_trgm_ops) WITH (fastupdate = off);
