DROP INDEX customer_search;
DROP INDEX customer_name;
