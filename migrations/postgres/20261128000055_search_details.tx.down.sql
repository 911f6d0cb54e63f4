DROP TABLE search_word;
DROP INDEX IF EXISTS customer_details;
DROP INDEX customer_undetailed;
ALTER TABLE customer DROP COLUMN details;
