DROP TABLE transaction_search;
DROP TABLE transaction_visible;
