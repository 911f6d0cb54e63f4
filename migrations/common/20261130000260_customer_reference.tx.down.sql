DROP INDEX customer_reference;
ALTER TABLE customer DROP COLUMN reference;
