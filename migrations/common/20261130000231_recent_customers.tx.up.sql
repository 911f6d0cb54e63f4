-- The customers that a specialist user opened last: a few per person, so a deletion need not erase them in chunks.
CREATE TABLE recent_customer (
  account_id  UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  customer_id UUID NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  opened_at   TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (account_id, customer_id)
);
CREATE INDEX recent_customer_of ON recent_customer (customer_id);
