-- An access whose person was not invited: it was imported without invitations. Nothing was sent, and no link is valid.
ALTER TABLE access ADD COLUMN uninvited BOOLEAN NOT NULL DEFAULT FALSE;
