-- A search index has at most 2,000 segments in all, one for each tx since the last merge. With 1,999 of one level allowed
-- and others besides, it was full before it merged by itself, and then took nothing any more, not even a merge.
INSERT INTO customer_search (customer_search, rank) VALUES ('crisismerge', 500);
INSERT INTO transaction_search (transaction_search, rank) VALUES ('crisismerge', 500);
