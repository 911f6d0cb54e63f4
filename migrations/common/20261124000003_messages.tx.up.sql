-- The outbox, the log, and the records of permanent deletions.
CREATE TABLE message (
  id           UUID PRIMARY KEY,
  kind         TEXT NOT NULL,     -- registration, registration_code, set_password, …
  channel      TEXT NOT NULL,     -- email, sms
  customer_id  UUID REFERENCES customer (id) ON DELETE CASCADE,
  access_id    UUID REFERENCES access (id) ON DELETE CASCADE,
  account_id   UUID REFERENCES account (id) ON DELETE CASCADE,
  recipient    TEXT NOT NULL,     -- address or number this message is bound to
  locale       TEXT NOT NULL,
  generation   INTEGER NOT NULL,  -- of the invitation or request it belongs to
  run          INTEGER NOT NULL DEFAULT 1, -- raised when an operator runs a failed message again
  dedupe       TEXT NOT NULL UNIQUE,
  state        TEXT NOT NULL,     -- queued, sending, handed_over, delivered, failed, cancelled
  reason       TEXT NOT NULL DEFAULT '', -- key of the reason in plain words
  detail       TEXT NOT NULL DEFAULT '', -- what the other side said, cleaned and cut
  attempts     INTEGER NOT NULL DEFAULT 0,
  relay_at     TIMESTAMPTZ,       -- when the relay looks at it next; NULL once settled
  lease_until  TIMESTAMPTZ,       -- while sending: nobody else may try before this
  next_at      TIMESTAMPTZ,       -- the next try, shown on the timeline
  expires_at   TIMESTAMPTZ NOT NULL,
  provider_id  TEXT NOT NULL DEFAULT '', -- the SMS gateway's id, for delivery reports
  created_at   TIMESTAMPTZ NOT NULL,
  handed_over_at TIMESTAMPTZ,
  settled_at   TIMESTAMPTZ
);
CREATE INDEX message_relay ON message (relay_at) WHERE relay_at IS NOT NULL;
CREATE INDEX message_access ON message (access_id, created_at);
CREATE INDEX message_customer ON message (customer_id, created_at);
CREATE INDEX message_account ON message (account_id);
CREATE INDEX message_provider ON message (provider_id) WHERE provider_id <> '';

CREATE TABLE message_attempt (
  id         UUID PRIMARY KEY,
  message_id UUID NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  ended_at   TIMESTAMPTZ,
  outcome    TEXT NOT NULL DEFAULT '', -- accepted, temporary, permanent, delivered, bounced; '' while it runs
  reason     TEXT NOT NULL DEFAULT '',
  detail     TEXT NOT NULL DEFAULT '',
  next_at    TIMESTAMPTZ
);
CREATE INDEX message_attempt_message ON message_attempt (message_id, number);

-- The built-in mailbox of the embedded mode. Contents are sealed with SECRET_KEY: links and codes are in them.
CREATE TABLE mailbox (
  id          UUID PRIMARY KEY,
  message_id  UUID REFERENCES message (id) ON DELETE CASCADE,
  sealed      BYTEA NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX mailbox_message ON mailbox (message_id);

CREATE TABLE audit (
  id          UUID PRIMARY KEY,   -- UUIDv7: also the order
  at          TIMESTAMPTZ NOT NULL,
  actor_id    UUID,               -- NULL: Kontor itself
  actor       TEXT NOT NULL,      -- the name then
  action      TEXT NOT NULL,      -- customer.created, access.resent, …
  customer_id UUID,               -- rows of a deleted customer go with it, except the receipt
  subject_id  UUID,               -- the access, account … it was done to
  subject     TEXT NOT NULL DEFAULT '', -- its name or number then
  detail      TEXT NOT NULL DEFAULT '', -- JSON object: {"field": ["old", "new"]} or counts
  address     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_customer ON audit (customer_id, id);
-- What an end user did, and what was done to their account, goes with the account.
CREATE INDEX audit_actor ON audit (actor_id);
CREATE INDEX audit_subject ON audit (subject_id);

-- A permanent deletion: its progress, then its receipt. Nothing personal.
CREATE TABLE deletion (
  id           UUID PRIMARY KEY,
  customer_id  UUID NOT NULL UNIQUE,
  number       BIGINT NOT NULL,
  counts       TEXT NOT NULL,      -- JSON: what there was when it was asked for
  done         BIGINT NOT NULL DEFAULT 0, -- rows gone so far
  total        BIGINT NOT NULL,
  requested_by UUID,
  requested_at TIMESTAMPTZ NOT NULL,
  finished_at  TIMESTAMPTZ
);
CREATE INDEX deletion_open ON deletion (requested_at) WHERE finished_at IS NULL;
