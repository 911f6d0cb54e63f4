DROP INDEX customer_needs_unknown;
DROP INDEX customer_invitation;
DROP INDEX customer_no_access;
DROP INDEX customer_no_administrator;
ALTER TABLE customer DROP COLUMN invitation_at;
ALTER TABLE customer DROP COLUMN no_access_since;
ALTER TABLE customer DROP COLUMN no_administrator_since;
