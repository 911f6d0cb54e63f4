-- The overview by name, and the walk along it that a search for something frequent is: it reads this index alone.
CREATE INDEX customer_name ON customer (name_sort, number, type, search) WHERE NOT deleting;
-- Substrings of a million rows: FTS5 trigrams that hold no text of their own (content-less), verified against
-- customer.search; the row id is customer.number. automerge=0: merging is the worker's, never an insert's (an insert
-- that merges stalls for 70 ms).
CREATE VIRTUAL TABLE customer_search USING fts5(text, content='', contentless_delete=1, detail='none', tokenize='trigram');
INSERT INTO customer_search (customer_search, rank) VALUES ('automerge', 0);
INSERT INTO customer_search (customer_search, rank) VALUES ('crisismerge', 1999);
