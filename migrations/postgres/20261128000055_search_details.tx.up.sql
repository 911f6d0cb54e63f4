-- What a search finds of a customer besides name, city, number and e-mail addresses: street, postal code, telephone
-- numbers, VAT ID, register number, names of accesses. NULL: not written yet; the worker writes it, some customers at a
-- time.
ALTER TABLE customer ADD COLUMN details TEXT;
CREATE INDEX customer_undetailed ON customer (number) WHERE details IS NULL;
-- An index of its own, not one with customer.search: it is made in no time, since nothing stands in the column yet.
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') THEN
    CREATE INDEX customer_details ON customer USING gin (details gin_trgm_ops) WITH (fastupdate = off);
  END IF;
END $$;
-- Each word of the texts above once, as long as a customer has it: among them a search that finds nothing looks for words
-- that are spelt alike. backwards is the word from its end.
CREATE TABLE search_word (
  word      TEXT COLLATE "C" PRIMARY KEY,
  backwards TEXT COLLATE "C" NOT NULL
);
CREATE INDEX search_word_backwards ON search_word (backwards);
