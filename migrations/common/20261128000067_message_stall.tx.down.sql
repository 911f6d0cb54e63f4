DROP TABLE channel_pace;
DROP TABLE message_stall;
