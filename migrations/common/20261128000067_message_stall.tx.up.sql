-- A message that its way (mail server, SMS gateway) did not take, through no fault of its recipient's. It is let go as
-- soon as the way works again. The row goes when the message is settled. A table of its own: an older version reads every
-- column of message.
CREATE TABLE message_stall (
  message_id UUID PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
  channel    TEXT NOT NULL,
  tries      INTEGER NOT NULL DEFAULT 0,  -- attempts in this run that the way did not take
  step       INTEGER NOT NULL DEFAULT 0,  -- those of them since it was last let go: where it stands in the schedule
  resumed    INTEGER NOT NULL DEFAULT 0,  -- how often it was let go because the way worked again
  resume_at  TIMESTAMPTZ,                 -- not let go before; NULL: it waits for something else, or is on its way
  unsure     BOOLEAN NOT NULL DEFAULT FALSE -- no answer came: it may have arrived, so it is not what one finds out with
);
CREATE INDEX message_stall_channel ON message_stall (channel, resume_at) WHERE resume_at IS NOT NULL;

-- Turns that all workers share: when a way that is in trouble is tried next, and when the next messages are let go.
CREATE TABLE channel_pace (
  channel   TEXT PRIMARY KEY,
  probe_at  TIMESTAMPTZ,
  resume_at TIMESTAMPTZ,
  away      BOOLEAN NOT NULL DEFAULT FALSE -- the last time it was tried, nobody was there
);
