DROP INDEX message_relay_channel;
