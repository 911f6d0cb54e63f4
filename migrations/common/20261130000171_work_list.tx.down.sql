DROP INDEX transactions_kind_due;
DROP INDEX transactions_responsible_due;
DROP INDEX transactions_responsible;
DROP INDEX transactions_due;
CREATE INDEX transactions_responsible ON transactions (responsible_id) WHERE responsible_id IS NOT NULL;
CREATE INDEX transactions_due ON transactions (due) WHERE due <> '' AND status <> 'closed';
