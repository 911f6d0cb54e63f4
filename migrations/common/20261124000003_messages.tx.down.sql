DROP TABLE deletion;
DROP TABLE audit;
DROP TABLE mailbox;
DROP TABLE message_attempt;
DROP TABLE message;
