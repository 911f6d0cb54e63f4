-- My transactions is a work list: by due date, one's own first. The newest of a person stand in the order of their numbers.
DROP INDEX transactions_due;
DROP INDEX transactions_responsible;
CREATE INDEX transactions_due ON transactions (due, number) WHERE status <> 'closed';
CREATE INDEX transactions_responsible ON transactions (responsible_id, number) WHERE responsible_id IS NOT NULL;
CREATE INDEX transactions_responsible_due ON transactions (responsible_id, due, number) WHERE responsible_id IS NOT NULL AND status <> 'closed';
CREATE INDEX transactions_kind_due ON transactions (kind, due, number) WHERE status <> 'closed';
