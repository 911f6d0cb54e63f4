DROP TABLE channel_refusal;
DROP TABLE channel_state;
