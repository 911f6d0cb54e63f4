ALTER TABLE access DROP COLUMN approved;
ALTER TABLE access DROP COLUMN waiting;
DROP INDEX message_approval;
ALTER TABLE message DROP COLUMN approval_id;
DROP TABLE guard_event;
DROP TABLE approval;
