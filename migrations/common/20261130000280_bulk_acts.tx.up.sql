-- Acts on many customers or transactions at once. A row holds no personal data.
CREATE TABLE bulk_act (
  id           UUID PRIMARY KEY,
  kind         TEXT NOT NULL,            -- responsible, due, status, administrators, resend
  value        TEXT NOT NULL,            -- what is set: an id, several of them, a date, a status
  state        TEXT NOT NULL,            -- trying, tried, doing, done, returning, returned, given_up
  requested_by UUID NOT NULL,
  requested_at TIMESTAMPTZ NOT NULL,
  submission   TEXT UNIQUE,              -- of the form: sent twice, it makes one act
  total        BIGINT NOT NULL,          -- how many rows it had
  finished_at  TIMESTAMPTZ,              -- when it was done; for ten minutes from then on it can be taken back
  returned_at  TIMESTAMPTZ
);
CREATE INDEX bulk_act_requested ON bulk_act (requested_by, requested_at, id);
CREATE INDEX bulk_act_old ON bulk_act (requested_at);

-- What an act is about, fixed when it is asked for, with what has become of each. The rows of a customer go with the customer.
CREATE TABLE bulk_row (
  act_id      UUID NOT NULL REFERENCES bulk_act (id) ON DELETE CASCADE,
  place       INTEGER NOT NULL,
  customer_id UUID REFERENCES customer (id) ON DELETE CASCADE,
  subject_id  UUID NOT NULL,             -- a transaction, a customer or an access
  verdict     TEXT NOT NULL DEFAULT '',  -- '': not tried yet
  why         TEXT NOT NULL DEFAULT '',  -- the text of the reason
  was         TEXT NOT NULL DEFAULT '',  -- the value before, for taking it back
  PRIMARY KEY (act_id, place)
);
CREATE INDEX bulk_row_verdict ON bulk_row (act_id, verdict, place);
CREATE INDEX bulk_row_customer ON bulk_row (customer_id) WHERE customer_id IS NOT NULL;
