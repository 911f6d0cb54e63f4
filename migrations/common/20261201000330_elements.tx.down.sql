ALTER TABLE transactions DROP COLUMN viewed_at;
ALTER TABLE transactions DROP COLUMN extensible;
ALTER TABLE transactions DROP COLUMN to_review;
ALTER TABLE transactions DROP COLUMN answered;
ALTER TABLE transactions DROP COLUMN asked;
DROP TABLE element_comment;
DROP TABLE element_version;
DROP TABLE element;
