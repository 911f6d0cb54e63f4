DROP TABLE search_word;
DROP INDEX customer_undetailed;
DROP INDEX customer_name;
CREATE INDEX customer_name ON customer (name_sort, number, type, search) WHERE NOT deleting;
ALTER TABLE customer DROP COLUMN details;
