-- An address that a mail server refused for good: nothing is sent to it until somebody frees it. What is stored of the
-- address is a keyed hash. The row goes with the message that was refused.
CREATE TABLE refused_address (
  hash       TEXT PRIMARY KEY,
  reason     TEXT NOT NULL,        -- key of the reason in plain words
  message_id UUID NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  refused_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX refused_address_message ON refused_address (message_id);
