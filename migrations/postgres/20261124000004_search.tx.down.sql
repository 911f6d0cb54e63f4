DROP INDEX customer_search;
