-- Addresses are searched by their beginnings, for which their order must be that of their bytes.
ALTER TABLE audit ALTER COLUMN address TYPE TEXT COLLATE "C";
-- The log is read newest first, by time: of everything, of a customer, of a transaction, of a person, of an action, of an
-- address. Each of these is one range of an index in that order.
DROP INDEX audit_customer;
CREATE INDEX audit_customer ON audit (customer_id, at, id);
DROP INDEX audit_transaction;
CREATE INDEX audit_transaction ON audit (transaction_id, at, id) WHERE transaction_id IS NOT NULL;
DROP INDEX audit_actor;
CREATE INDEX audit_actor ON audit (actor_id, at, id);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_action ON audit (action, at, id);
CREATE INDEX audit_address ON audit (address, at, id) WHERE address <> '';
-- An entry about a handover leads to its page.
CREATE INDEX handover_from ON handover (from_id, requested_at);
