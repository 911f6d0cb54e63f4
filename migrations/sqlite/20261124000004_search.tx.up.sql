-- Substrings of a million rows: FTS5 trigrams that hold no text of their own (content-less), verified against
-- customer.search. automerge=0: merging is the worker's, never an insert's (an insert that merges stalls for 70 ms).
CREATE INDEX customer_name_search ON customer (name_sort, id, search) WHERE NOT deleting;
CREATE TABLE customer_search_row (
  row_id      INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id UUID NOT NULL UNIQUE REFERENCES customer (id) ON DELETE CASCADE
);
CREATE VIRTUAL TABLE customer_search USING fts5(text, content='', contentless_delete=1, detail='none', tokenize='trigram');
INSERT INTO customer_search (customer_search, rank) VALUES ('automerge', 0);
INSERT INTO customer_search (customer_search, rank) VALUES ('crisismerge', 1999);
