-- The firm's own number of a customer, or that of another program. No two customers have the same.
ALTER TABLE customer ADD COLUMN reference TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX customer_reference ON customer (reference) WHERE reference <> '' AND NOT deleting;
