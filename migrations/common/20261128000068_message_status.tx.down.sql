ALTER TABLE channel_pace DROP COLUMN ask_at;
DROP TABLE message_status;
