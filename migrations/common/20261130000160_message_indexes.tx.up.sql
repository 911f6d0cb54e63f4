-- An attempt changes a message three times, and PostgreSQL then writes an entry into every index of it. The relay asks for
-- one channel at a time, for which there is an index of its own; and few messages belong to an account.
DROP INDEX message_relay;
DROP INDEX message_account;
CREATE INDEX message_account ON message (account_id) WHERE account_id IS NOT NULL;
