DROP TABLE customer_search;
DROP TABLE customer_search_row;
DROP INDEX customer_name_search;
