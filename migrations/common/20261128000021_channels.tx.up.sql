-- A way (e-mail, SMS) that refused something since it last took a message: what the people who keep the queues see.
CREATE TABLE channel_state (
  channel TEXT PRIMARY KEY,
  since   TIMESTAMPTZ,              -- since when the firm itself is refused; NULL: only single numbers were
  last_at TIMESTAMPTZ,
  reason  TEXT NOT NULL DEFAULT '', -- key of the reason in plain words
  status  TEXT NOT NULL DEFAULT ''  -- what the other side said in numbers; nothing that names anybody
);

-- SMS whose numbers were refused since the way last took one: several different ones in a row are no verdict about any.
CREATE TABLE channel_refusal (
  message_id UUID PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
  channel    TEXT NOT NULL,
  at         TIMESTAMPTZ NOT NULL
);
