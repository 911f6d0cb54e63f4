-- Each channel's relay takes its own messages: a channel that waits by the hundred thousand must not slow the other down.
CREATE INDEX message_relay_channel ON message (channel, relay_at) WHERE relay_at IS NOT NULL;
