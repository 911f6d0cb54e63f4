-- Specialist users who were deactivated or reactivated and administer so many customers that the worker looks at them
-- one chunk after another: which of these customers have nobody active any more, or somebody again.
CREATE TABLE administrator_switch (
  specialist_id UUID PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  at_customer   UUID NOT NULL -- behind which one the next chunk begins
);
CREATE INDEX transactions_responsible ON transactions (responsible_id) WHERE responsible_id IS NOT NULL;
-- What needs attention is read in these orders, and who may act on it asked of each: all that takes stands in the index.
DROP INDEX customer_attention;
CREATE INDEX customer_attention ON customer (attention_at, number, id, type, deleting) WHERE attention_at IS NOT NULL AND NOT deleting;
DROP INDEX transactions_due;
CREATE INDEX transactions_due ON transactions (due, number, customer_id, kind, status, id) WHERE due <> '' AND status <> 'closed';
