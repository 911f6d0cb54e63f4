DROP INDEX transactions_due;
CREATE INDEX transactions_due ON transactions (due) WHERE due <> '' AND status <> 'closed';
DROP INDEX customer_attention;
CREATE INDEX customer_attention ON customer (attention_at) WHERE attention_at IS NOT NULL AND NOT deleting;
DROP INDEX transactions_responsible;
DROP TABLE administrator_switch;
