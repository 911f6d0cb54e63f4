ALTER TABLE customer DROP COLUMN access_count;
ALTER TABLE customer DROP COLUMN access_registered;
ALTER TABLE customer DROP COLUMN access_worst;
ALTER TABLE customer DROP COLUMN access_expires_at;
