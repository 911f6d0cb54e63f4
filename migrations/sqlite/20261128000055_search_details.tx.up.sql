-- What a search finds of a customer besides name, city, number and e-mail addresses: street, postal code, telephone
-- numbers, VAT ID, register number, names of accesses. NULL: not written yet; the worker writes it, some customers at a
-- time.
ALTER TABLE customer ADD COLUMN details TEXT;
CREATE INDEX customer_undetailed ON customer (number) WHERE details IS NULL;
-- As before, and the details behind the rest, where a walk that does not ask for them does not read them.
DROP INDEX customer_name;
CREATE INDEX customer_name ON customer (name_sort, number, type, search, details) WHERE NOT deleting;
-- Each word of the texts above once, as long as a customer has it: among them a search that finds nothing looks for words
-- that are spelt alike. backwards is the word from its end.
CREATE TABLE search_word (
  word      TEXT PRIMARY KEY,
  backwards TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX search_word_backwards ON search_word (backwards);
