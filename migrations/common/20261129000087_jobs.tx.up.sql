-- Long work: what takes longer than a request, a chunk after the other. A row holds ids and progress, nothing personal.
CREATE TABLE job (
  id           UUID PRIMARY KEY,
  kind         TEXT NOT NULL,
  subject_id   UUID NOT NULL,              -- what it works on
  customer_id  UUID REFERENCES customer (id) ON DELETE CASCADE, -- with whom it goes
  arguments    TEXT NOT NULL DEFAULT '',   -- JSON of ids and keys
  state        TEXT NOT NULL,              -- waiting, running, done, failed, cancelled
  done         BIGINT NOT NULL DEFAULT 0,  -- so far
  total        BIGINT NOT NULL DEFAULT 0,  -- 0: nobody knows
  attempts     INTEGER NOT NULL DEFAULT 0, -- failed since a chunk was done last
  reason       TEXT NOT NULL DEFAULT '',   -- key of the last failure in plain words
  asked        INTEGER NOT NULL DEFAULT 1, -- how often it was asked for while it was open
  run          INTEGER NOT NULL DEFAULT 0, -- counts its leases: a worker that has lost one changes nothing
  relay_at     TIMESTAMPTZ,                -- when the relay offers it to the queue; NULL: it is over
  next_at      TIMESTAMPTZ,                -- not before
  lease_until  TIMESTAMPTZ,
  requested_by UUID,
  requested_at TIMESTAMPTZ NOT NULL,
  finished_at  TIMESTAMPTZ
);
CREATE UNIQUE INDEX job_open ON job (kind, subject_id) WHERE finished_at IS NULL;
CREATE INDEX job_relay ON job (relay_at) WHERE relay_at IS NOT NULL;
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_subject ON job (subject_id);
CREATE INDEX job_customer ON job (customer_id) WHERE customer_id IS NOT NULL;
