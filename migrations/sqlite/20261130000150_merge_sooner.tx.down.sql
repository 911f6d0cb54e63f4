INSERT INTO customer_search (customer_search, rank) VALUES ('crisismerge', 1999);
INSERT INTO transaction_search (transaction_search, rank) VALUES ('crisismerge', 1999);
