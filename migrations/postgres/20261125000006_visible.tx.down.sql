DROP INDEX transaction_search;
DROP TABLE transaction_visible;
