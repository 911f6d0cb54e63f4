-- Specialist users who were deactivated or reactivated and administer so many customers that the worker looks at them
-- one chunk after another: which of these customers have nobody active any more, or somebody again.
CREATE TABLE administrator_switch (
  specialist_id UUID PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  at_customer   UUID NOT NULL -- behind which one the next chunk begins
);
CREATE INDEX transactions_responsible ON transactions (responsible_id) WHERE responsible_id IS NOT NULL;
