-- What a message is about beside its recipient: ids and keys that its composer looks up, nothing personal.
ALTER TABLE message ADD COLUMN about TEXT NOT NULL DEFAULT '';
