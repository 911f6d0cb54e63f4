ALTER TABLE access DROP COLUMN uninvited;
