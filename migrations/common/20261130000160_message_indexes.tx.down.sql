CREATE INDEX message_relay ON message (relay_at) WHERE relay_at IS NOT NULL;
DROP INDEX message_account;
CREATE INDEX message_account ON message (account_id);
