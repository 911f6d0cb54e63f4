DROP INDEX audit_address;
DROP INDEX audit_action;
DROP INDEX audit_at;
DROP INDEX audit_actor;
CREATE INDEX audit_actor ON audit (actor_id);
DROP INDEX audit_transaction;
CREATE INDEX audit_transaction ON audit (transaction_id, id) WHERE transaction_id IS NOT NULL;
DROP INDEX audit_customer;
CREATE INDEX audit_customer ON audit (customer_id, id);
