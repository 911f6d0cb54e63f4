DROP TABLE customer_search;
DROP INDEX customer_name;
