-- Addresses that specialist users had before: they are theirs still. Nobody invites themselves by moving away first.
CREATE TABLE former_address (
  account_id UUID NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  mailbox    TEXT NOT NULL, -- folded, without what tells spellings of one mailbox apart
  PRIMARY KEY (account_id, mailbox)
);
CREATE INDEX former_address_mailbox ON former_address (mailbox);
