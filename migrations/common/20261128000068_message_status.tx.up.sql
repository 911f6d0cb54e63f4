-- SMS whose gateway is asked what became of them, since it tells nobody by itself. The row goes when it is known, or when
-- it is given up.
CREATE TABLE message_status (
  message_id UUID PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
  ask_at     TIMESTAMPTZ NOT NULL,
  asked      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX message_status_due ON message_status (ask_at);
ALTER TABLE channel_pace ADD COLUMN ask_at TIMESTAMPTZ; -- whose turn it is to ask
